"""HTTP status and issue type of refusals of PIXm (PIXm 2:3.83.4.2.2, 2:3.104.4)."""

from __future__ import annotations

from types import MappingProxyType

from gateway.declare.bindings import FhirReply
from gateway.errors import Meaning, Problem
from profiles.pdqm.errors import FORMS, Form, outcome_reply
from profiles.pixm.codes import SOURCE, TARGET

_FORMS = MappingProxyType(
    {
        **FORMS,
        (Meaning.NOT_FOUND, SOURCE): Form(404, "not-found"),
        (Meaning.UNKNOWN_KEY, SOURCE): Form(400, "code-invalid"),
        (Meaning.UNKNOWN_KEY, TARGET): Form(403, "code-invalid"),
    }
)


def refuse(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a request; the first problem gives the HTTP status."""
    return outcome_reply(problems, _FORMS)
