"""Refusals of RESTful ATNA: HTTP status and issue type (RESTful ATNA 3.81.4.2, 3.82.4.2)."""

from __future__ import annotations

from types import MappingProxyType

from gateway.declare.bindings import FhirReply
from gateway.errors import Meaning, Problem, Refused
from profiles.pdqm.errors import FORMS, Form, outcome_reply

_OF_SYSLOG = MappingProxyType({**FORMS, (Meaning.NOT_ACCEPTABLE, None): Form(415, "not-supported")})
"""A syslog search answers what it cannot write with 415 (RESTful ATNA 3.82.4.2)."""


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem."""
    return Refused(Problem(meaning, text, location))


def refuse(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a search of events, or of one event."""
    return outcome_reply(problems)


def refuse_syslog(problems: tuple[Problem, ...]) -> FhirReply:
    """The refusal of a search of syslog messages."""
    return outcome_reply(problems, _OF_SYSLOG)
