"""Errors of OAuth for what the engine names by meaning (RFC 6749 5.2 and 4.1.2.1, RFC 8707)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway import errors
from gateway.declare.bindings import OauthReply

_BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND, _METHOD, _TOO_LARGE = 400, 401, 404, 405, 413
_INTERNAL, _UNAVAILABLE = 500, 503
_UNSAFE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
"""What error_description may not hold."""


@dataclass(frozen=True, slots=True)
class OauthError:
    """HTTP status and error code. `constant` texts tell an attacker nothing."""

    status: int
    code: str
    constant: str | None = None


_CLIENT = OauthError(
    _UNAUTHORIZED, "invalid_client", "the client could not be authenticated by its certificate"
)
_GRANT = OauthError(_BAD_REQUEST, "invalid_grant", "the grant was not accepted")
_REQUEST = OauthError(_BAD_REQUEST, "invalid_request")
_OURS = OauthError(_INTERNAL, "server_error", "internal error; the operators find it by the trace id")
_LATER = OauthError(_UNAVAILABLE, "temporarily_unavailable")

_FORMS: tuple[tuple[type[Exception], OauthError], ...] = (
    (errors.NodeRefused, _CLIENT),
    (
        errors.NodeNotPermitted,
        OauthError(_BAD_REQUEST, "unauthorized_client", "this client may not ask for this"),
    ),
    (errors.TooLarge, OauthError(_TOO_LARGE, "invalid_request")),
    (errors.TransactionUnknown, OauthError(_NOT_FOUND, "invalid_request")),
    (errors.MethodRefused, OauthError(_METHOD, "invalid_request")),
    (errors.TokenMissing, OauthError(_UNAUTHORIZED, "invalid_token", "a token is required")),
    (errors.TokenInvalid, _GRANT),
    (errors.TokenUnsupported, _GRANT),
    (errors.SignerRefused, _GRANT),
    (errors.SignatureBroken, _GRANT),
    (errors.AlgorithmRefused, _GRANT),
    (errors.MessageStale, _GRANT),
    (errors.SecurityHeaderInvalid, _GRANT),
    (errors.Denied, _GRANT),
    (errors.Busy, _LATER),
    (errors.Defect, _OURS),
    (errors.GatewayError, _REQUEST),
)
_MEANINGS: Mapping[errors.Meaning, OauthError] = MappingProxyType(
    {
        errors.Meaning.CLIENT_REFUSED: _CLIENT,
        errors.Meaning.CLIENT_NOT_PERMITTED: OauthError(_BAD_REQUEST, "unauthorized_client"),
        errors.Meaning.GRANT_REFUSED: OauthError(_BAD_REQUEST, "invalid_grant"),
        errors.Meaning.GRANT_UNSUPPORTED: OauthError(_BAD_REQUEST, "unsupported_grant_type"),
        errors.Meaning.SCOPE_REFUSED: OauthError(_BAD_REQUEST, "invalid_scope"),
        errors.Meaning.AUDIENCE_REFUSED: OauthError(_BAD_REQUEST, "invalid_target"),
        errors.Meaning.NOT_SUPPORTED: OauthError(_BAD_REQUEST, "unsupported_response_type"),
        errors.Meaning.NOT_PERMITTED: OauthError(_BAD_REQUEST, "access_denied"),
        errors.Meaning.BUSY: _LATER,
    }
)


def error_of(error: Exception) -> OauthError:
    """The error of an exception; anything that is no refusal is a fault of ours."""
    if isinstance(error, errors.Refused):
        return _MEANINGS.get(error.problems[0].meaning, _REQUEST)
    return next((form for kind, form in _FORMS if isinstance(error, kind)), _OURS)


def fault_reply(error: Exception, trace_id: str) -> OauthReply:
    """The answer to any exception."""
    form = error_of(error)
    text = error.detail if isinstance(error, errors.GatewayError) else ""
    return _reply(form, f"{form.constant or text} [trace {trace_id}]")


def refusal_reply(problems: tuple[errors.Problem, ...]) -> OauthReply:
    """The answer of a transaction that refuses."""
    first = problems[0]
    form = _MEANINGS.get(first.meaning, _REQUEST)
    return _reply(form, first.context)


def _reply(form: OauthError, text: str) -> OauthReply:
    return OauthReply(form.status, {"error": form.code, "error_description": _UNSAFE.sub("", text)})
