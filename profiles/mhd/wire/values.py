"""Identifiers, codes and times of XDS as FHIR data types (ITI TF-2 Appendix Z.9.1, FHIR R4 datatypes)."""

from __future__ import annotations

import re
from typing import Any

from gateway.record.people import Code
from profiles.mhd import codes

Json = dict[str, Any]

_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def is_oid(value: str) -> bool:
    """Whether a value is an OID without prefix."""
    return _OID.fullmatch(value) is not None


def system_of(scheme: str) -> str | None:
    """The FHIR code system of a coding scheme; None for one that no URI can stand for."""
    known = codes.SYSTEMS.get(scheme)
    if known is not None:
        return known
    if is_oid(scheme):
        return f"{codes.OID}{scheme}"
    return scheme if _URI.fullmatch(scheme) else None


def coding(code: Code) -> Json:
    """A Coding."""
    return filled(system=system_of(code.scheme), code=code.code, display=code.display)


def concept(code: Code) -> Json:
    """A CodeableConcept of one coding."""
    return {"coding": [coding(code)]}


def identifier(value: str, system: str | None) -> Json:
    """An Identifier; an OID without assigning authority is a URI itself."""
    if system is None and is_oid(value):
        return {"system": codes.URI_SYSTEM, "value": f"{codes.OID}{value}"}
    return filled(system=system, value=value)


def unique_id(value: str) -> Json:
    """A document uniqueId: an OID, or `root^extension` as CDA has it (ITI TF-2 Z.9.1.1)."""
    root, _, extension = value.partition("^")
    if extension:
        return {"system": f"{codes.OID}{root}", "value": extension}
    return identifier(root, codes.URI_SYSTEM if _URI.fullmatch(root) else None)


def typed(held: Json, use: str, kind: str) -> Json:
    """An identifier told apart by `use` (MHD up to 4.2.3) and by `type` (after it)."""
    return {"use": use, "type": {"coding": [{"system": codes.IDENTIFIER_TYPE, "code": kind}]}, **held}


def date_time(dtm: str) -> str:
    """A DTM in UTC as dateTime; FHIR knows no hour without minute and no minute without second."""
    if len(dtm) <= len("YYYYMMDD"):
        return "-".join(part for part in (dtm[:4], dtm[4:6], dtm[6:8]) if part)
    full = dtm.ljust(len("YYYYMMDDhhmmss"), "0")
    return f"{full[:4]}-{full[4:6]}-{full[6:8]}T{full[8:10]}:{full[10:12]}:{full[12:14]}Z"


def filled(**members: Any) -> Json:
    """The members that have a value; FHIR JSON knows no empty ones."""
    return {name: value for name, value in members.items() if value}
