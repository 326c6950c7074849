"""HTTP status and issue type of refusals in the FHIR patient profiles (FHIR R4 http, PDQm 2:3.78.4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

from gateway.bindings.fhirfault import Issue, operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.bindings import FhirReply, Octets
from gateway.errors import Meaning, Problem


@dataclass(frozen=True, slots=True)
class Form:
    """HTTP status and code of FHIR's issue-type; `severity` other than error where a profile says so."""

    status: int
    issue: str
    warning: bool = False


Forms = Mapping[tuple[Meaning, str | None], Form]
"""By meaning and place; the place None stands for any other."""

FORMS: Forms = MappingProxyType(
    {
        (Meaning.MISSING_PARAMETER, None): Form(400, "required"),
        (Meaning.PARAMETER_COUNT, None): Form(400, "invalid"),
        (Meaning.DATA_TYPE, None): Form(400, "invalid"),
        (Meaning.TABLE_VALUE, None): Form(400, "code-invalid"),
        (Meaning.NOT_SUPPORTED, None): Form(400, "not-supported"),
        (Meaning.TOO_WIDE, None): Form(400, "too-costly"),
        (Meaning.TOO_MANY_RESULTS, None): Form(400, "too-costly"),
        (Meaning.REQUIRED_FIELD, None): Form(422, "required"),
        (Meaning.METADATA_INVALID, None): Form(422, "invariant"),
        (Meaning.INVALID_REQUEST, None): Form(422, "invalid"),
        (Meaning.UNKNOWN_KEY, None): Form(422, "not-found"),
        (Meaning.UNKNOWN_KEY, "targetSystem"): Form(404, "not-found", warning=True),
        (Meaning.DUPLICATE_IN_REGISTRY, None): Form(409, "conflict"),
        (Meaning.SEVERAL_PATIENTS, None): Form(412, "multiple-matches"),
        (Meaning.NOT_FOUND, None): Form(404, "not-found"),
        (Meaning.GONE, None): Form(410, "deleted"),
        (Meaning.NOT_PERMITTED, None): Form(403, "forbidden"),
        (Meaning.NOT_ACCEPTABLE, None): Form(406, "not-supported"),
        (Meaning.BUSY, None): Form(503, "transient"),
    }
)
_OTHER = Form(500, "exception")
_TRACE = " [trace "


def outcome_reply(problems: tuple[Problem, ...], forms: Forms = FORMS) -> FhirReply:
    """The refusal of a request; the first problem gives the HTTP status."""
    outcome = operation_outcome(issue_of(problem, forms) for problem in problems)
    return FhirReply(_form(problems[0], forms).status, JSON, Octets(orjson.dumps(outcome)))


def issue_of(problem: Problem, forms: Forms = FORMS) -> Issue:
    """One issue; the wording of the profile stands alone in `diagnostics`, without the trace."""
    form = _form(problem, forms)
    return Issue(
        form.issue,
        problem.context,
        problem.location,
        warning=problem.warning or form.warning,
        diagnostics=problem.context.partition(_TRACE)[0],
    )


def _form(problem: Problem, forms: Forms) -> Form:
    exact = forms.get((problem.meaning, problem.location))
    return exact or forms.get((problem.meaning, None), _OTHER)
