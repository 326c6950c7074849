"""Data types of metadata attributes that are not made of components (ITI TF-3 Table 4.2.3.1.7-2).

Each function says what is wrong with a value and what was expected, never the value itself; None is right.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

OID_LIMIT = 64
_OID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
"""Not narrower than what partners send: test systems use arcs that no authority gave out."""
_DTM = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\d\d)?)?)?)?)?", re.ASCII)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LANGUAGE = re.compile(r"([A-Za-z]{2,8}|[xXiI](?=-))(-[A-Za-z0-9]{1,8})*")
_TOKEN = r"[A-Za-z0-9!#$&^_.+-]+"  # noqa: S105 - RFC 6838 4.2, a media type
_MIME_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(\s*;.+)?", re.DOTALL)
_MIME_LIMIT = 256
_OPAQUE = re.compile(r"[\x20-\x7e]+")
_UNIQUE_ID_LIMIT = 128
_PID_FIELD = re.compile(r"PID-([1-9]\d?)\|.*", re.DOTALL | re.ASCII)
_LAST_PID_FIELD = 39
_PID_NOT_ALLOWED = frozenset({2, 4, 12, 19})
_ONLINE = "urn:ihe:iti:2010:DocumentAvailability:Online"
_OFFLINE = "urn:ihe:iti:2010:DocumentAvailability:Offline"


def oid(value: str) -> str | None:
    """An OID without prefix."""
    if len(value) > OID_LIMIT:
        return f"has {len(value)} characters, expected an OID of at most {OID_LIMIT}"
    return None if _OID.fullmatch(value) else f"is not an OID of at most {OID_LIMIT} characters"


def oid_urn(value: str) -> str | None:
    """An OID as a URN, as homeCommunityId (4.2.3.2.12)."""
    if not value.startswith("urn:oid:") or oid(value.removeprefix("urn:oid:")):
        return f"is not of the form urn:oid:OID, the OID of at most {OID_LIMIT} characters"
    return None


def uuid_urn(value: str) -> str | None:
    """A UUID URN; capital letters are read, though never written."""
    return None if _UUID.fullmatch(value) else "is not a UUID of the form urn:uuid:8-4-4-4-12"


def entry_id(value: str) -> str | None:
    """The id of an object in a submission: a UUID URN, or any symbol (ITI TF-2 3.42.4.1.3.7)."""
    return uuid_urn(value) if value.startswith("urn:uuid:") else None


def dtm(value: str) -> str | None:
    """A time in UTC that is in the calendar."""
    match = _DTM.fullmatch(value)
    if match is None:
        return "is not a DTM of the form YYYY[MM[DD[hh[mm[ss]]]]], digits only, in UTC"
    year, month, day, hour, minute, second = map(int, match.groups("1"))
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return "is not a time of the calendar"
    return None


def sha1(value: str) -> str | None:
    """A SHA-1 hash."""
    return None if _SHA1.fullmatch(value) else "is not a SHA-1 of 40 hexadecimal digits"


def language(value: str) -> str | None:
    """A language tag (RFC 5646 2.1)."""
    return None if _LANGUAGE.fullmatch(value) else "is not a language tag (RFC 5646), such as fr or de-LU"


def mime_type(value: str) -> str | None:
    """A media type, parameters allowed (RFC 2045 5.1, RFC 6838 4.2)."""
    if len(value) > _MIME_LIMIT:
        return f"has {len(value)} characters, expected at most {_MIME_LIMIT}"
    return None if _MIME_TYPE.fullmatch(value) else "is not a media type of the form type/subtype"


def document_unique_id(value: str) -> str | None:
    """Opaque to all but its creator (4.2.3.2.26)."""
    if len(value) > _UNIQUE_ID_LIMIT:
        return f"has {len(value)} characters, expected at most {_UNIQUE_ID_LIMIT}"
    return None if _OPAQUE.fullmatch(value) else "has characters that are not printable ASCII"


def availability(value: str) -> str | None:
    """The documentAvailability of metadata update (4.2.3.2.30)."""
    return None if value in {_ONLINE, _OFFLINE} else f"is not one of {_ONLINE}, {_OFFLINE}"


def patient_field(value: str) -> str | None:
    """One value of sourcePatientInfo: PID-n|value (4.2.3.2.23)."""
    match = _PID_FIELD.fullmatch(value)
    if match is None or int(match[1]) > _LAST_PID_FIELD:
        return f"has a value that is not of the form PID-n|value, n from 1 to {_LAST_PID_FIELD}"
    if int(match[1]) in _PID_NOT_ALLOWED:
        return f"must not hold PID-{match[1]}"
    return None


def patient_field_number(value: str) -> int | None:
    """The n of PID-n|value."""
    match = _PID_FIELD.fullmatch(value)
    return int(match[1]) if match else None
