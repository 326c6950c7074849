"""Identifiers, times and labels of a Consent ⇄ what directives hold (FHIR R4 datatypes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.errors import Meaning
from gateway.record.access import Period
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pcf import codes
from profiles.pcf.errors import refused

Json = Mapping[str, Any]

_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_CX = re.compile(r"(?P<extension>[^\^&]+)\^\^\^&(?P<root>[0-2](?:\.(?:0|[1-9]\d*))+)&ISO", re.ASCII)
_LITERAL = re.compile(
    r"(?:.*/)?(?P<type>DocumentReference|List)/(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)
_DATE = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?", re.ASCII)
_DECEMBER = 12
_OF_MANY = frozenset({"Group", "CareTeam"})
_SIGNS = re.compile(r"[\^&]")


# --- subjects ------------------------------------------------------------------------------------


def read_subject(reference: Json, domain: Domain, place: str) -> str:
    """A person id or an organisation OID, as lists name them: by identifier only."""
    kind = reference.get("type") or reference.get("reference", "").partition("/")[0]
    if kind in _OF_MANY:
        text = f"not supported: a {kind}, whose members are not known here; name persons or organisations"
        raise refused(Meaning.NOT_SUPPORTED, text, place)
    system, value = _identifier(reference, place)
    if system == codes.SUBJECT:
        return value
    if system == codes.URI_SYSTEM:
        root = value.removeprefix(codes.OID)
        if root != value and _OID.fullmatch(root):
            return root
        raise refused(Meaning.DATA_TYPE, "expected an OID as urn:oid:", f"{place}.identifier.value")
    root = _root(system, domain, f"{place}.identifier.system")
    if _SIGNS.search(value):
        raise refused(Meaning.DATA_TYPE, "an id without ^ and & was expected", f"{place}.identifier.value")
    return str(PatientId(value, root))


def write_subject(subject: str) -> dict[str, Any]:
    """A reference by identifier to whom a directive names."""
    cx = _CX.fullmatch(subject)
    if cx is not None:
        return _by_identifier(f"{codes.OID}{cx['root']}", cx["extension"])
    if _OID.fullmatch(subject):
        return {"type": "Organization", **_by_identifier(codes.URI_SYSTEM, f"{codes.OID}{subject}")}
    return _by_identifier(codes.SUBJECT, subject)


def _identifier(reference: Json, place: str) -> tuple[str, str]:
    told = reference.get("identifier", {})
    if "system" not in told or "value" not in told:
        text = "expected an identifier with system and value; other resources are not looked up here"
        raise refused(Meaning.REQUIRED_FIELD, text, f"{place}.identifier")
    return told["system"], told["value"]


def _by_identifier(system: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": value}}


def _root(system: str, domain: Domain, place: str) -> str:
    known, root = domain.root_of_system(system), system.removeprefix(codes.OID)
    if known is not None:
        return known
    if root != system and _OID.fullmatch(root):
        return root
    raise refused(Meaning.UNKNOWN_KEY, "expected urn:oid: or a system that is known here", place)


# --- documents -----------------------------------------------------------------------------------


def read_document(reference: Json, place: str) -> str:
    """The uniqueId of a document or folder; `urn:uuid:` with its entryUUID where it is named by URL."""
    literal = _LITERAL.fullmatch(reference.get("reference", ""))
    if literal is not None and "identifier" not in reference:
        return f"{codes.UUID}{literal['uuid']}"
    system, value = _identifier(reference, place)
    root = (value if system == codes.URI_SYSTEM else system).removeprefix(codes.OID)
    if not _OID.fullmatch(root):
        raise refused(Meaning.DATA_TYPE, "expected a uniqueId under urn:oid:", f"{place}.identifier")
    return root if system == codes.URI_SYSTEM else f"{root}^{value}"


def write_document(unique_id: str) -> dict[str, Any]:
    """A reference by uniqueId."""
    root, _, extension = unique_id.partition("^")
    if extension:
        return _by_identifier(f"{codes.OID}{root}", extension)
    return _by_identifier(codes.URI_SYSTEM, f"{codes.OID}{unique_id}")


# --- times ---------------------------------------------------------------------------------------


def read_period(period: Json, place: str) -> Period:
    """From the first instant of `start`; until the end of the day, month or year of `end`, or its instant."""
    try:
        return Period(
            _instant(period["start"]) if "start" in period else None,
            _end(period["end"]) if "end" in period else None,
        )
    except (ValueError, OverflowError) as error:
        raise refused(Meaning.DATA_TYPE, "a time that no calendar has", f"{place}.period") from error


def write_period(period: Period) -> dict[str, str]:
    """Instants; an end that is an instant does not belong to the period."""
    ends = (("start", period.start), ("end", period.end))
    return {name: at.astimezone(UTC).isoformat().replace("+00:00", "Z") for name, at in ends if at}


def read_days(text: str, place: str) -> tuple[datetime, datetime]:
    """The first instant of a day, month, year or instant, and the first one after it."""
    try:
        first, end = _instant(text), _end(text)
    except (ValueError, OverflowError) as error:
        raise refused(Meaning.DATA_TYPE, "expected a date like ge2026-01-31", place) from error
    return first, end if end > first else first + timedelta(seconds=1)


def common(first: Period, second: Period) -> Period:
    """When both hold."""
    starts = [each for each in (first.start, second.start) if each is not None]
    ends = [each for each in (first.end, second.end) if each is not None]
    return Period(max(starts, default=None), min(ends, default=None))


def _instant(text: str) -> datetime:
    day = _DATE.fullmatch(text)
    if day is None:
        return datetime.fromisoformat(text).astimezone(UTC)
    return datetime(int(text[:4]), int(day["month"] or 1), int(day["day"] or 1), tzinfo=UTC)


def _end(text: str) -> datetime:
    day, first = _DATE.fullmatch(text), _instant(text)
    if day is None:
        return first
    if day["day"]:
        return first + timedelta(days=1)
    if day["month"] and first.month < _DECEMBER:
        return first.replace(month=first.month + 1)
    return first.replace(year=first.year + 1, month=1)


# --- confidentiality -----------------------------------------------------------------------------


def read_rank(provision: Json, place: str) -> int:
    """The rank that one label stands for: N, R or V."""
    labels = provision.get("securityLabel", ())
    if len(labels) != 1 or labels[0].get("system") != codes.CONFIDENTIALITY:
        text = f"expected one label of {codes.CONFIDENTIALITY}"
        raise refused(Meaning.NOT_SUPPORTED, text, f"{place}.securityLabel")
    rank = codes.RANKS.get(labels[0].get("code", ""))
    if rank is None:
        raise refused(Meaning.TABLE_VALUE, "expected N, R or V", f"{place}.securityLabel[0].code")
    return rank


def write_rank(rank: int) -> list[dict[str, str]]:
    """The label that stands for a rank."""
    return [{"system": codes.CONFIDENTIALITY, "code": codes.LABELS[rank]}]
