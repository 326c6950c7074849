"""The search parameters of ITI-67 as a table (MHD 2:3.67.4.1.2.1), and what each asks of the registry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from gateway.stores.search import Ask, Condition
from profiles.mhd import codes
from profiles.mhd.iti67_find_document_references.values import (
    Span,
    invalid,
    like,
    pairs,
    span,
    strings,
    tokens,
    unsupported,
)
from profiles.mhd.wire.fragment import author_persons
from profiles.mhd.wire.people import components, plain
from profiles.mhd.wire.values import is_oid

Test = Callable[[Row[Any]], bool]

_UUID = re.compile(r"(?:urn:uuid:)?(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_FAMILY, _GIVEN = 1, 2


@dataclass(frozen=True, slots=True)
class Criterion:
    """What one parameter asks: conditions of a search, and a test for what a search cannot ask."""

    conditions: tuple[Condition, ...] = ()
    test: Test | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: its FHIR type, and the reader of its values."""

    type: str
    read: Callable[[str, str], Criterion]


# --- readers: (name, value) → Criterion ----------------------------------------------------------


def _status(name: str, value: str) -> Criterion:
    """Codes without system; that of FHIR itself is taken too."""
    wanted = []
    for system, code in pairs(name, value):
        if system not in {None, codes.DOCUMENT_STATUS} or code not in codes.DOCUMENT_STATUSES:
            raise invalid(name, "expected current or superseded")
        if code in codes.STATUSES:
            wanted.append(codes.STATUSES[code])
    return Criterion((Condition("status", Ask.IN, tuple(wanted)),))


def _code(column: str, name: str, value: str) -> Criterion:
    """A coded attribute that an entry has once."""
    wanted = tokens(name, value)
    if all(token.exact for token in wanted):
        stored = tuple(each for token in wanted for each in token.coded())
        return Criterion((Condition(column, Ask.IN, stored),))
    return Criterion(test=lambda row: any(token.matches(getattr(row, column)) for token in wanted))


def _codes(kind: str, name: str, value: str) -> Criterion:
    """A coded attribute that an entry may have several times."""
    wanted = tokens(name, value)
    if all(token.exact for token in wanted):
        stored = tuple(each for token in wanted for each in token.coded())
        return Criterion((Condition(kind, Ask.VALUE, stored),))
    patterns = tuple(each for token in wanted for each in token.patterns())
    return Criterion((Condition(kind, Ask.VALUE_LIKE, patterns),))


def _creation(name: str, value: str) -> Criterion:
    """The first instant of creationTime against the date."""
    asked = span(name, value)
    bounds: Mapping[str, tuple[Condition, ...]] = {
        "eq": (_from("creation_time", asked.low), _to("creation_time", asked.high)),
        "ge": (_from("creation_time", asked.low),),
        "gt": (_from("creation_time", asked.high),),
        "sa": (_from("creation_time", asked.high),),
        "lt": (_to("creation_time", asked.low),),
        "eb": (_to("creation_time", asked.low),),
        "le": (_to("creation_time", asked.high),),
    }
    return Criterion(_bounds(name, asked, bounds))


def _period(name: str, value: str) -> Criterion:
    """Overlap of the time of service with the date; an end that is not told is open."""
    asked = span(name, value)
    bounds: Mapping[str, tuple[Condition, ...]] = {
        "eq": (_from("service_start", asked.low), _to("service_stop", asked.high)),
        "ge": (_open_from(asked.low),),
        "gt": (_open_from(asked.high),),
        "sa": (_from("service_start", asked.high),),
        "lt": (_open_to(asked.low),),
        "eb": (_to("service_stop", asked.low),),
        "le": (_open_to(asked.high),),
    }
    return Criterion(_bounds(name, asked, bounds), _has_period)


def _bounds(name: str, asked: Span, bounds: Mapping[str, tuple[Condition, ...]]) -> tuple[Condition, ...]:
    if asked.prefix not in bounds:
        raise unsupported(name, f"prefix {asked.prefix}; expected one of {', '.join(bounds)}")
    return bounds[asked.prefix]


def _from(column: str, at: str) -> Condition:
    return Condition(column, Ask.FROM, (at,))


def _to(column: str, at: str) -> Condition:
    return Condition(column, Ask.TO, (at,))


def _open_from(at: str) -> Condition:
    return Condition("service_stop", Ask.FROM_OR_ABSENT, (at,))


def _open_to(at: str) -> Condition:
    return Condition("service_start", Ask.TO_OR_ABSENT, (at,))


def _has_period(row: Row[Any]) -> bool:
    return row.service_start is not None or row.service_stop is not None


def _author(part: int, name: str, value: str) -> Criterion:
    """The beginning of a name part of any author, whatever its case."""
    wanted = tuple(each.casefold() for each in strings(name, value))
    return Criterion(test=lambda row: _written_by(row.fragment, part, wanted))


def _written_by(fragment: str, part: int, wanted: tuple[str, ...]) -> bool:
    names = (plain(components(person)[part]).casefold() for person in author_persons(fragment))
    return any(name.startswith(wanted) for name in names)


def _identifier(name: str, value: str) -> Criterion:
    """Values of entryUUID or of document uniqueId, all of one kind."""
    found = [_stored_identifier(system, each) for system, each in pairs(name, value)]
    columns = {column for column, _ in found}
    if len(columns) > 1:
        raise unsupported(name, "entryUUIDs and uniqueIds in one list; expected one kind")
    return Criterion((Condition(columns.pop(), Ask.IN, tuple(each for _, each in found)),))


def _stored_identifier(system: str | None, value: str) -> tuple[str, str]:
    """The column an identifier stands in, and its value there."""
    match = _UUID.fullmatch(value)
    if match and system in {None, codes.URI_SYSTEM}:
        return "uuid", f"{codes.UUID}{match['uuid'].lower()}"
    if system and system.startswith(codes.OID):
        return "unique_id", f"{system.removeprefix(codes.OID)}^{value}"
    return "unique_id", value.removeprefix(codes.OID)


def _related(name: str, value: str) -> Criterion:
    """Identifiers of referenceIdList, with their assigning authority or without."""
    patterns = []
    for system, each in pairs(name, value):
        authority = (system or "").removeprefix(codes.OID)
        known = f"^^^&{like(authority)}&ISO" if is_oid(authority) else ""
        patterns.append(f"{like(each)}{known}^%")
    return Criterion((Condition("reference", Ask.VALUE_LIKE, tuple(patterns)),))


# --- the table -----------------------------------------------------------------------------------

PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "status": Parameter("token", _status),
        "type": Parameter("token", partial(_code, "type_code")),
        "category": Parameter("token", partial(_code, "class_code")),
        "setting": Parameter("token", partial(_code, "practice_setting")),
        "facility": Parameter("token", partial(_code, "facility_type")),
        "format": Parameter("token", partial(_code, "format_code")),
        "event": Parameter("token", partial(_codes, "event")),
        "security-label": Parameter("token", partial(_codes, "confidentiality")),
        "creation": Parameter("date", _creation),
        "date": Parameter("date", _creation),
        "period": Parameter("date", _period),
        "author.given": Parameter("string", partial(_author, _GIVEN)),
        "author.family": Parameter("string", partial(_author, _FAMILY)),
        "identifier": Parameter("token", _identifier),
        "related": Parameter("reference", _related),
    }
)
"""Filters by name. `date` is asked of creationTime: the registry keeps no date of the DocumentReference."""
