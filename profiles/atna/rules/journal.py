"""What a request for a journal must hold: whose, for which time, in which language and form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from gateway.bindings.fhirrequest import JSON, XML, accepts, accepts_resource, wants_xml
from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Refused
from gateway.journal.book import MOST, USUAL, Asked
from gateway.journal.clock import clock_of
from gateway.journal.words import LANGUAGES, words
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm.rules import checked_value, refused, token_of

PATIENT, SINCE, UNTIL, LANGUAGE, FORM, COUNT, PAGE = (
    "patient",
    "from",
    "to",
    "language",
    "format",
    "_count",
    "_page",
)
_KNOWN = frozenset({PATIENT, SINCE, UNTIL, LANGUAGE, FORM, COUNT, PAGE})
MEDIA: Mapping[str, str] = MappingProxyType(
    {"json": JSON, "xml": XML, "html": "text/html", "pdf": "application/pdf"}
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_MARK = re.compile(r"(-?[0-9a-f]{1,15})-([0-9a-f]{1,16})", re.ASCII)
_VALUES = (
    "valueString",
    "valueCode",
    "valueDate",
    "valueDateTime",
    "valueInstant",
    "valueInteger",
    "valuePositiveInt",
)
_MILLISECOND = timedelta(milliseconds=1)

Told = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRequest:
    """What was asked for, the language and form of the answer, and the request as it came."""

    asked: Asked
    language: str
    form: str
    told: tuple[tuple[str, str], ...]
    base: str

    @property
    def text(self) -> str:
        """The request, for the audit."""
        return urlencode(self.told)

    def next(self, more: tuple[int, int]) -> str:
        """The URL of the entries after the last one."""
        told = [pair for pair in self.told if pair[0] != PAGE]
        return f"{self.base}/AuditEvent/$journal?{urlencode([*told, (PAGE, f'{more[0]:x}-{more[1]:x}')])}"


def read_request(payload: FhirRequest, domain: Domain) -> JournalRequest:
    """From parameters of the URL, or of a Parameters resource."""
    told = tuple(payload.parameters) if payload.resource is None else tuple(_parameters(payload.resource))
    given = _once(told)
    language = given.get(LANGUAGE, LANGUAGES[0])
    if language not in LANGUAGES:
        raise refused(Meaning.TABLE_VALUE, f"language: expected one of {', '.join(LANGUAGES)}", LANGUAGE)
    asked = Asked(
        patient=_patient(given, domain),
        since=_moment(given, SINCE),
        until=_moment(given, UNTIL),
        most=_most(given),
        before=_before(given),
    )
    if asked.since is not None and asked.until is not None and asked.since > asked.until:
        raise refused(Meaning.DATA_TYPE, "from is later than to", SINCE)
    form = _form(given, payload.accept)
    return JournalRequest(asked=asked, language=language, form=form, told=told, base=payload.base)


def _parameters(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of a Parameters resource, an identifier as system|value."""
    if resource.get("resourceType") != "Parameters":
        raise refused(Meaning.DATA_TYPE, "expected a Parameters resource", "Parameters")
    found = []
    for at, each in enumerate(resource.get("parameter", ())):
        identifier = each.get("valueIdentifier")
        value = next((str(each[name]) for name in _VALUES if name in each), None)
        if identifier is not None:
            value = f"{identifier.get('system', '')}|{identifier.get('value', '')}"
        if value is None:
            raise refused(Meaning.DATA_TYPE, "expected a value", f"Parameters.parameter[{at}].value")
        found.append((each["name"], value))
    return found


def _once(told: Told) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in told:
        if name not in _KNOWN:
            raise refused(Meaning.NOT_SUPPORTED, f"expected only {', '.join(sorted(_KNOWN))}", "parameter")
        if name in found:
            raise refused(Meaning.PARAMETER_COUNT, f"{name}: expected one", name)
        found[name] = value
    return found


def _patient(given: Mapping[str, str], domain: Domain) -> PatientId:
    value = given.get(PATIENT)
    if value is None:
        raise refused(Meaning.MISSING_PARAMETER, "patient is required", PATIENT)
    system, extension = token_of(value, PATIENT)
    if domain.root_of_system(system) != domain.affinity_root:
        raise refused(Meaning.DATA_TYPE, "patient: expected an identifier of the affinity domain", PATIENT)
    return PatientId(checked_value(extension, PATIENT), domain.affinity_root)


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    """A day of Luxembourg, whole, or an instant with its zone."""
    text = given.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if _DAY.fullmatch(text):
            there = found.replace(tzinfo=clock_of(words(LANGUAGES[0])).zone)
            ends = there + timedelta(days=1) - _MILLISECOND if name == UNTIL else there
            return ends.astimezone(UTC)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _no_time(name) from error
    raise _no_time(name)


def _no_time(name: str) -> Refused:
    return refused(Meaning.DATA_TYPE, f"{name}: expected YYYY-MM-DD, or a time with its zone", name)


def _most(given: Mapping[str, str]) -> int:
    text = given.get(COUNT)
    if text is None:
        return USUAL
    if not _NUMBER.fullmatch(text):
        raise refused(Meaning.DATA_TYPE, "_count: expected a number above 0", COUNT)
    return min(int(text), MOST)


def _before(given: Mapping[str, str]) -> tuple[int, int] | None:
    text = given.get(PAGE)
    if text is None:
        return None
    match = _MARK.fullmatch(text)
    if match is None or int(match[2], 16) >= 1 << 63:
        raise refused(Meaning.DATA_TYPE, "_page: expected the link of an earlier answer", PAGE)
    return int(match[1], 16), int(match[2], 16)


def _form(given: Mapping[str, str], accept: str) -> str:
    """The form by its name, else the first that the caller accepts."""
    form = given.get(FORM)
    if form is None and accepts_resource(accept):
        return "xml" if wants_xml(accept, "") else "json"
    if form is None:
        form = next((name for name, media in MEDIA.items() if accepts(accept, media)), None)
    elif form not in MEDIA:
        raise refused(Meaning.TABLE_VALUE, f"format: expected one of {', '.join(MEDIA)}", FORM)
    if form is None or not accepts(accept, MEDIA[form]):
        raise refused(Meaning.NOT_ACCEPTABLE, f"the answer is {', '.join(MEDIA.values())}", "Accept")
    return form
