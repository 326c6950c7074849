"""QBP of PIX and PDQ: what QPD and RCP must have, whoever asks (ITI TF-2 3.9.4.1.2, 3.21.4.1.2)."""

from __future__ import annotations

import re

from gateway.bindings.hl7v2 import Message
from gateway.declare.transaction import QueryText
from gateway.errors import Meaning, Problem, Refused

_IMMEDIATE = "I"
_RECORDS = "RD"
_LONGEST_TAG = 128
_QUANTITY = re.compile(r"[1-9]\d{0,5}", re.ASCII)


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem."""
    return Refused(Problem(meaning, text, location))


def require_query(message: Message) -> str:
    """The query tag of a message with one QPD and one RCP that asks for an immediate answer.

    Refused with 100 for a segment that is missing or repeated, 101 and 103 for QPD-1, QPD-2 and RCP-1.
    """
    for name in ("QPD", "RCP"):
        count = message.segments(name)
        if count != 1:
            raise refused(Meaning.SEGMENT_SEQUENCE, f"{count} {name} segments were sent, expected 1", name)
    if not message.value("QPD-1.1"):
        raise refused(Meaning.REQUIRED_FIELD, "QPD-1 is missing", "QPD^1^1")
    if (message.value("RCP-1") or _IMMEDIATE) != _IMMEDIATE:
        raise refused(Meaning.TABLE_VALUE, "RCP-1 is not I: answers are immediate", "RCP^1^1")
    return required_tag(message, "QPD-2")


def required_tag(message: Message, path: str) -> str:
    """QPD-2 or QID-1: the name that the asker gave the query."""
    tag, place = message.value(path), path.replace("-", "^1^")
    if not tag:
        raise refused(Meaning.REQUIRED_FIELD, f"{path} is missing", place)
    if len(tag) > _LONGEST_TAG:
        raise refused(Meaning.DATA_TYPE, f"{path} is longer than {_LONGEST_TAG} characters", place)
    return tag


def quantity(message: Message) -> int | None:
    """How many persons an answer may have, RCP-2; None when the asker does not mind."""
    number, unit = message.value("RCP-2.1"), message.value("RCP-2.2") or _RECORDS
    if not number:
        return None
    if not _QUANTITY.fullmatch(number):
        raise refused(Meaning.DATA_TYPE, "RCP-2 is not a number of records above 0", "RCP^1^2^1^1")
    if unit != _RECORDS:
        raise refused(Meaning.TABLE_VALUE, "RCP-2 does not count records (RD)", "RCP^1^2^1^2")
    return int(number)


def query_text(message: Message, tag: str) -> QueryText:
    """The whole message, for the audit (ITI TF-2 3.9.5.1.2, 3.21.5.1.2)."""
    return QueryText(tag, message.octets, encoding=message.encoding.upper())


def sent_repetitions(message: Message, field: str) -> range:
    """The numbers of the repetitions of a field; empty ones at its end do not count."""
    sent = message.field(field).rstrip(message.delimiters.repetition)
    return range(1, sent.count(message.delimiters.repetition) + 2 if sent else 1)
