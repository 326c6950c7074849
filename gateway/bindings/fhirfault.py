"""OperationOutcome and HTTP status for what the engine names by meaning (FHIR R4 http 3.1.0.4, RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway import errors

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _METHOD = 400, 401, 403, 404, 405
_NOT_ACCEPTABLE, _TOO_LARGE, _URI_TOO_LONG, _UNSUPPORTED = 406, 413, 414, 415
_INTERNAL, _UNAVAILABLE = 500, 503
RETRY_SECONDS = 5
_FHIRPATH = re.compile(r"[A-Z][A-Za-z]+(?:\.[a-z][A-Za-z]*(?:\[\d+\])?(?:\.ofType\(\w+\))?)+")


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome. `code` is of FHIR's issue-type, `standard` a code of the profile.

    `location` is a FHIRPath, or the name of a parameter or header. `diagnostics` is a standard's wording.
    """

    code: str
    text: str
    location: str | None = None
    standard: str | None = None
    warning: bool = False
    diagnostics: str | None = None


@dataclass(frozen=True, slots=True)
class FaultForm:
    """HTTP status and issue code. `constant` texts tell an attacker nothing."""

    status: int
    code: str
    constant: str | None = None


_TOKEN = FaultForm(
    _UNAUTHORIZED,
    "security",
    "the access token was not accepted; expected one valid SAML assertion or JWT as Bearer token",
)
_NODE = FaultForm(_FORBIDDEN, "forbidden", "this system may not make this request")
_OURS = FaultForm(_INTERNAL, "exception", "internal error; the operators find it by the trace id")

_FORMS: tuple[tuple[type[Exception], FaultForm], ...] = (
    (errors.NodeRefused, _NODE),
    (errors.NodeNotPermitted, _NODE),
    (errors.TooLarge, FaultForm(_TOO_LARGE, "too-long")),
    (errors.TooComplex, FaultForm(_BAD_REQUEST, "too-costly")),
    (errors.MediaTypeUnsupported, FaultForm(_UNSUPPORTED, "not-supported")),
    (errors.Malformed, FaultForm(_BAD_REQUEST, "structure")),
    (errors.SchemaInvalid, FaultForm(_BAD_REQUEST, "structure")),
    (errors.TransactionUnknown, FaultForm(_NOT_FOUND, "not-found")),
    (errors.MethodRefused, FaultForm(_METHOD, "not-supported")),
    (
        errors.TokenMissing,
        FaultForm(_UNAUTHORIZED, "login", "no access token came with the request; expected a Bearer token"),
    ),
    (errors.OtherPatient, FaultForm(_FORBIDDEN, "forbidden", "the access token is for another patient")),
    (errors.TokenInvalid, _TOKEN),
    (errors.TokenUnsupported, _TOKEN),
    (errors.SignerRefused, _TOKEN),
    (errors.SignatureBroken, _TOKEN),
    (errors.AlgorithmRefused, _TOKEN),
    (errors.MessageStale, _TOKEN),
    (errors.SecurityHeaderInvalid, _TOKEN),
    (errors.Denied, FaultForm(_FORBIDDEN, "forbidden")),
    (errors.Busy, FaultForm(_UNAVAILABLE, "transient")),
    (errors.Defect, _OURS),
    (errors.GatewayError, FaultForm(_BAD_REQUEST, "invalid")),
)
_REFUSED: Mapping[errors.Meaning, FaultForm] = MappingProxyType(
    {
        errors.Meaning.NOT_ACCEPTABLE: FaultForm(_NOT_ACCEPTABLE, "not-supported"),
        errors.Meaning.TOO_WIDE: FaultForm(_BAD_REQUEST, "too-costly"),
        errors.Meaning.TOO_MANY_RESULTS: FaultForm(_BAD_REQUEST, "too-costly"),
    }
)


def form_of(error: Exception, *, url_too_long: bool = False, scope_status: int = _FORBIDDEN) -> FaultForm:
    """Status and issue of an exception; anything that is no refusal is a fault of ours."""
    if isinstance(error, errors.ScopeMissing):
        return FaultForm(scope_status, "forbidden")
    if isinstance(error, errors.TooLarge) and url_too_long:
        return FaultForm(_URI_TOO_LONG, "too-long")
    if isinstance(error, errors.Refused) and error.problems[0].meaning in _REFUSED:
        return _REFUSED[error.problems[0].meaning]
    for kind, form in _FORMS:
        if isinstance(error, kind):
            return form
    return _OURS


def headers_of(form: FaultForm, error: Exception) -> dict[str, str]:
    """What the status demands beside it: how to authenticate, which methods, when to come again."""
    if isinstance(error, errors.MethodRefused):
        return {"allow": ", ".join(error.allowed)}
    if isinstance(error, errors.ScopeMissing):
        enough = " ".join(error.scopes)
        return {
            "www-authenticate": f'Bearer realm="passerelle", error="insufficient_scope", scope="{enough}"'
        }
    if form.status == _UNAUTHORIZED:
        # A request without any token gets no error code (RFC 6750 3.1).
        told = "" if isinstance(error, errors.TokenMissing) else ', error="invalid_token"'
        return {"www-authenticate": f'Bearer realm="passerelle"{told}'}
    return retry_headers(form.status)


def retry_headers(status: int) -> dict[str, str]:
    """Retry-After where the same request may succeed later."""
    return {"retry-after": str(RETRY_SECONDS)} if status == _UNAVAILABLE else {}


def issue_of(form: FaultForm, error: Exception, trace_id: str) -> Issue:
    """What was wrong and where, and the trace id that finds the event."""
    if form.constant is not None or not isinstance(error, errors.GatewayError):
        return Issue(form.code, f"{form.constant} [trace {trace_id}]")
    return Issue(form.code, f"{error.detail} [trace {trace_id}]", error.location)


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """An OperationOutcome resource."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    details: dict[str, Any] = {"text": issue.text}
    if issue.standard:
        details["coding"] = [{"code": issue.standard}]
    written: dict[str, Any] = {
        "severity": "warning" if issue.warning else "error",
        "code": issue.code,
        "details": details,
    }
    if issue.diagnostics:
        written["diagnostics"] = issue.diagnostics
    if issue.location:
        # `location` is deprecated where a FHIRPath tells the same (FHIR R4 OperationOutcome).
        path = _FHIRPATH.fullmatch(issue.location) is not None
        written["expression" if path else "location"] = [issue.location]
    return written
