"""PatientRights as JSON text, as it is stored for each patient (stored inputs of rules P2 to P10).

Strict on the way in: a field that is unknown, missing or of a wrong type makes the whole unreadable,
because a list that is read wrongly would open a record. That is a defect of the store, never of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import orjson

from gateway.errors import Defect
from gateway.record.access import (
    HIGHEST_RANK,
    LOWEST_RANK,
    AccessLevel,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Period,
    Raising,
)

VERSION = 2

T = TypeVar("T")

_FIELDS = frozenset(each.name for each in fields(PatientRights))


def to_json(rights: PatientRights) -> str:
    """Canonical text: equal rights give equal text, whatever the order inside their sets."""
    content = {
        "version": VERSION,
        "open": rights.open,
        "oppositions": [_opposition(each) for each in rights.oppositions],
        "blacklist": [_listing(each) for each in rights.blacklist],
        "whitelist": [_listing(each) for each in rights.whitelist],
        "whitelist_only": rights.whitelist_only,
        "mandates": [_mandate(each) for each in rights.mandates],
        "levels": [_level(each) for each in rights.levels],
        "emergency_allowed": rights.emergency_allowed,
        "emergency_rank": rights.emergency_rank,
        "relations": [_listing(each) for each in rights.relations],
        "default_rank": rights.default_rank,
        "raisings": [_raising(each) for each in rights.raisings],
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def from_json(text: str) -> PatientRights:
    """The rights of a stored text; Defect when it is not exactly one."""
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Defect("the stored rights are no JSON") from error
    _exact(content, _FIELDS | {"version"}, "the stored rights")
    if content["version"] != VERSION:
        raise Defect(f"the stored rights are not of version {VERSION}")
    return PatientRights(
        open=_of(bool, content["open"]),
        oppositions=_each(content["oppositions"], _read_opposition),
        blacklist=_each(content["blacklist"], _read_listing),
        whitelist=_each(content["whitelist"], _read_listing),
        whitelist_only=_of(bool, content["whitelist_only"]),
        mandates=_each(content["mandates"], _read_mandate),
        levels=_each(content["levels"], _read_level),
        emergency_allowed=_of(bool, content["emergency_allowed"]),
        emergency_rank=_rank(content["emergency_rank"]),
        relations=_each(content["relations"], _read_listing),
        default_rank=_rank(content["default_rank"]),
        raisings=_each(content["raisings"], _read_raising),
    )


def listed_twice(rights: PatientRights) -> frozenset[str]:
    """Documents and folders on both lists for one subject: a change that brings this about is refused."""
    return frozenset(
        document
        for denied in rights.blacklist
        for allowed in rights.whitelist
        if denied.subject == allowed.subject or "*" in {denied.subject, allowed.subject}
        for document in denied.documents & allowed.documents
    )


# --- to JSON -------------------------------------------------------------------------------------


def _listing(each: Listing) -> dict[str, object]:
    return {"subject": each.subject, "documents": sorted(each.documents), **_period(each.period)}


def _mandate(each: Mandate) -> dict[str, object]:
    return {
        "holder": each.holder,
        "given_by": each.given_by,
        "actions": sorted(each.actions),
        "derived": each.derived,
        **_period(each.period),
    }


def _opposition(each: Opposition) -> dict[str, object]:
    return {"purpose": each.purpose, **_period(each.period)}


def _raising(each: Raising) -> dict[str, object]:
    return {"documents": sorted(each.documents), "rank": each.rank, **_period(each.period)}


def _level(each: AccessLevel) -> dict[str, object]:
    return {"subject": each.subject, "rank": each.rank, **_period(each.period)}


def _period(period: Period) -> dict[str, object]:
    return {"start": _time(period.start), "end": _time(period.end)}


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise Defect("a time of the rights has no zone")
    return at.isoformat()


# --- from JSON -----------------------------------------------------------------------------------


def _read_listing(content: Any) -> Listing:
    _exact(content, {"subject", "documents", "start", "end"}, "a list entry")
    return Listing(_text(content["subject"]), _read_period(content), _texts(content["documents"]))


def _read_mandate(content: Any) -> Mandate:
    _exact(content, {"holder", "given_by", "actions", "derived", "start", "end"}, "a mandate")
    return Mandate(
        holder=_text(content["holder"]),
        period=_read_period(content),
        given_by=_text(content["given_by"]),
        actions=_texts(content["actions"]),
        derived=_of(bool, content["derived"]),
    )


def _read_opposition(content: Any) -> Opposition:
    _exact(content, {"purpose", "start", "end"}, "an opposition")
    purpose = content["purpose"]
    return Opposition(None if purpose is None else _text(purpose), _read_period(content))


def _read_raising(content: Any) -> Raising:
    _exact(content, {"documents", "rank", "start", "end"}, "a raising")
    return Raising(_texts(content["documents"]), _rank(content["rank"]), _read_period(content))


def _read_level(content: Any) -> AccessLevel:
    _exact(content, {"subject", "rank", "start", "end"}, "an access level")
    return AccessLevel(_text(content["subject"]), _rank(content["rank"]), _read_period(content))


def _read_period(content: Any) -> Period:
    return Period(_read_time(content["start"]), _read_time(content["end"]))


def _read_time(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(_of(str, value))
    except ValueError as error:
        raise Defect("a time of the stored rights cannot be read") from error
    if at.tzinfo is None:
        raise Defect("a time of the stored rights has no zone")
    return at


def _exact(content: object, names: Iterable[str], what: str) -> None:
    if not isinstance(content, dict) or content.keys() != set(names):
        raise Defect(f"{what} lacks a field, or has one too many")


def _each(values: object, read: Callable[[Any], T]) -> tuple[T, ...]:
    return tuple(read(each) for each in _of(list, values))


def _texts(values: object) -> frozenset[str]:
    return frozenset(_text(each) for each in _of(list, values))


def _text(value: object) -> str:
    text = _of(str, value)
    if not text.strip():
        raise Defect("a text of the stored rights is empty")
    return text


def _rank(value: object) -> int:
    rank = _of(int, value)
    if not LOWEST_RANK <= rank <= HIGHEST_RANK:
        raise Defect(f"a rank of the stored rights is not from {LOWEST_RANK} to {HIGHEST_RANK}")
    return rank


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise Defect(f"a value of the stored rights is no {kind.__name__}")
    return value


def combined(decided: Sequence[PatientRights]) -> PatientRights:
    """What a patient decided in records that are one now: every refusal holds, and every permission given.

    The engine lets refusals win. Without any record the rights are those of a new one.
    """
    if len(decided) < 2:  # noqa: PLR2004 - one, or none
        return decided[0] if decided else PatientRights()
    return PatientRights(
        open=all(each.open for each in decided),
        oppositions=tuple(entry for each in decided for entry in each.oppositions),
        blacklist=tuple(entry for each in decided for entry in each.blacklist),
        whitelist=tuple(entry for each in decided for entry in each.whitelist),
        whitelist_only=any(each.whitelist_only for each in decided),
        mandates=tuple(entry for each in decided for entry in each.mandates),
        levels=tuple(entry for each in decided for entry in each.levels),
        emergency_allowed=all(each.emergency_allowed for each in decided),
        emergency_rank=min(each.emergency_rank for each in decided),
        relations=tuple(entry for each in decided for entry in each.relations),
        default_rank=max(each.default_rank for each in decided),
        raisings=tuple(entry for each in decided for entry in each.raisings),
    )
