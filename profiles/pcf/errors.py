"""HTTP status and issue type of refusals of PCF (FHIR R4 http 3.1.0.4, PCF 2:3.108.4)."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from gateway.declare.bindings import FhirReply
from gateway.errors import Meaning, Problem, Refused
from profiles.pdqm.errors import FORMS, Form, outcome_reply

_FORMS = MappingProxyType(
    {
        **FORMS,
        (Meaning.MISSING_PARAMETER, "If-Match"): Form(428, "required"),
        (Meaning.UPDATE_VERSION, None): Form(412, "conflict"),
        (Meaning.DUPLICATE_KEY, None): Form(422, "duplicate"),
    }
)
_HIDDEN = frozenset({Meaning.NOT_PERMITTED, Meaning.UNKNOWN_PATIENT, Meaning.NOT_FOUND})
_TRACE = " [trace "


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem."""
    return Refused(Problem(meaning, text, location))


def refuse(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a request; the first problem gives the HTTP status."""
    return outcome_reply(problems, _FORMS)


def refuse_new(problems: tuple[Problem, ...]) -> FhirReply:
    """A patient who is not known here, and one whose consents are not for the caller, get the same answer."""
    return refuse(_alike(problems, Meaning.NOT_PERMITTED, "the request is not permitted"))


def refuse_known(problems: tuple[Problem, ...]) -> FhirReply:
    """A consent that does not exist, and one that is not for the caller, get the same answer."""
    return refuse(_alike(problems, Meaning.NOT_FOUND, "no consent is available at this URL"))


def _alike(problems: tuple[Problem, ...], meaning: Meaning, text: str) -> tuple[Problem, ...]:
    first = problems[0]
    if first.meaning not in _HIDDEN:
        return problems
    trace = "".join(first.context.partition(_TRACE)[1:])
    return (replace(first, meaning=meaning, context=f"{text}{trace}", location="Consent"),)
