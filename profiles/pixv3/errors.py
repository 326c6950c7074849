"""Acknowledgement codes of HL7 V3 for what the engine names by meaning (ITI TF-2 3.44.4.1.3, 3.45.4.2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from gateway.errors import Meaning, Problem
from profiles.pixv3.wire.wrapper import Detail

SYNTAX, INTERNAL = "SYN113", "INTERR"

_CODES = MappingProxyType(
    {
        Meaning.INVALID_REQUEST: SYNTAX,
        Meaning.REQUIRED_FIELD: "101",
        Meaning.DATA_TYPE: "102",
        Meaning.TABLE_VALUE: "103",
        Meaning.UNKNOWN_KEY: "204",
        Meaning.UNKNOWN_PATIENT: "204",
        Meaning.UNKNOWN_QUERY: "204",
        Meaning.DUPLICATE_KEY: "205",
        Meaning.BUSY: "206",
        Meaning.UNSUPPORTED_PROCESSING: "NS250",
    }
)
_TURNED_AWAY = frozenset({Meaning.NOT_PERMITTED, Meaning.BUSY, Meaning.OUT_OF_RESOURCES})


def detail(problem: Problem) -> Detail:
    """The acknowledgementDetail of a problem; INTERR where there is no finer code."""
    code = _CODES.get(problem.meaning, INTERNAL)
    return Detail(code=code, text=problem.context, location=problem.location, warning=problem.warning)


def details(problems: Iterable[Problem]) -> list[Detail]:
    """One for each problem."""
    return [detail(each) for each in problems]


def kind(problems: Iterable[Problem], level: str) -> str:
    """Type code of the acknowledgement at level A or C: accepted, error, or turned away as a whole."""
    meanings = {each.meaning for each in problems if not each.warning}
    if not meanings:
        return f"{level}A"
    return f"{level}R" if meanings & _TURNED_AWAY else f"{level}E"
