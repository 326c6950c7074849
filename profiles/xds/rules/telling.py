"""How a broken metadata rule is told: attribute, the value seen, what was expected (ITI TF-3 4.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.errors import Meaning, Problem

Found = Iterator[Problem]
Fault = Callable[[str], str | None]
"""What is wrong with a value, in words that never repeat it; None when it is right."""

_SHOWN = 64


def invalid(context: str, location: str) -> Problem:
    """A metadata error at an object."""
    return Problem(Meaning.METADATA_INVALID, context, location)


def shown(value: str) -> str:
    """A value in quotes, cut where it is long. Only for values that say nothing about a person."""
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def plain(owner: str, attribute: str, value: str | None, fault: Fault) -> Found:
    """Judges an identifier, code or time; the value is repeated."""
    if value is not None and (wrong := fault(value)):
        yield invalid(f"{attribute} {shown(value)} {wrong}", owner)


def personal(owner: str, attribute: str, value: str | None, fault: Fault) -> Found:
    """Judges what may name a person; only its form is told."""
    if value is not None and (wrong := fault(value)):
        yield invalid(f"{attribute} {wrong}", owner)


def longer(owner: str, attribute: str, value: str | None, most: int) -> Found:
    """A text of at most `most` characters; it is not repeated."""
    if value is not None and len(value) > most:
        yield invalid(f"{attribute} has {len(value)} characters, expected at most {most}", owner)
