"""Small FHIR data types of a Patient ↔ values of the record (FHIR R4 datatypes, ITI TF-2 Appendix Z)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_TS = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?:\.\d+)?)?)?)?(?P<zone>[+-]\d{4})?",
    re.ASCII,
)
_CODE = re.compile(r"\S+")
_SECONDS = len("YYYY-MM-DDThh:mm:ss")
_DAY = len("YYYY-MM-DD")


def filled(**members: Any) -> dict[str, Any]:
    """The members that have a value; FHIR JSON knows no empty ones."""
    return {name: value for name, value in members.items() if value not in (None, "", [], (), {})}


def ts_of(value: str) -> str:
    """A FHIR date or dateTime as TS: YYYY[MM[DD[HHMMSS+ZZZZ]]]."""
    day = value[:_DAY].replace("-", "")
    if len(value) <= _DAY:
        return day
    zone = value[_SECONDS:].lstrip(".0123456789").replace(":", "")
    return f"{day}{value[_DAY + 1 : _SECONDS].replace(':', '')}{'+0000' if zone == 'Z' else zone}"


def date_of(ts: str | None) -> str | None:
    """A TS as FHIR date, as precise as it is up to the day."""
    match = _TS.match(ts or "")
    if match is None:
        return None
    return "-".join(part for part in match.group("year", "month", "day") if part)


def date_time_of(ts: str | None) -> str | None:
    """A TS as FHIR dateTime; a time without zone is left out, because FHIR demands one."""
    match = _TS.fullmatch(ts or "")
    if match is None or not match["hour"] or not match["zone"]:
        return date_of(ts)
    zone = "Z" if match["zone"] == "+0000" else f"{match['zone'][:3]}:{match['zone'][3:]}"
    return f"{date_of(ts)}T{match['hour']}:{match['minute']}:{match['second'] or '00'}{zone}"


def extension(holder: Json, url: str) -> Json:
    """The first extension of this URL; empty when there is none."""
    return next((each for each in holder.get("extension", ()) if each.get("url") == url), {})


def text_of(concept: Json) -> str:
    """The first code of a CodeableConcept, else its text."""
    codes: list[str] = [each["code"] for each in concept.get("coding", ()) if "code" in each]
    return codes[0] if codes else str(concept.get("text", ""))


def coded(system: str, code: str) -> Json:
    """A CodeableConcept; what can be no code is its text."""
    return {"coding": [{"system": system, "code": code}]} if _CODE.fullmatch(code) else {"text": code}
