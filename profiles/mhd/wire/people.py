"""XCN, XON, XTN and PID of document metadata → contained FHIR resources (ITI TF-3 4.2.3.1.7, MHD 1:32)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from types import MappingProxyType

from gateway.record.documents import Author
from gateway.record.people import Code
from profiles.mhd import codes
from profiles.mhd.wire.values import Json, concept, date_time, filled, identifier

_ESCAPES = MappingProxyType({"F": "|", "S": "^", "R": "~", "T": "&", "E": "\\"})
_ESCAPE = re.compile(r"\\([FSRTE])\\")
_DTM = re.compile(r"\d{4}(?:\d\d(?:\d\d)?)?", re.ASCII)
_COMPONENTS = 12
_XCN_AUTHORITY, _XON_AUTHORITY, _XON_ID, _CX_AUTHORITY, _CX_TYPE = 8, 5, 9, 3, 4


def components(value: str) -> list[str]:
    """The components of an HL7 v2 field, at least twelve, as they are written."""
    parts = value.split("^")
    return parts + [""] * (_COMPONENTS - len(parts))


def plain(part: str) -> str:
    """The first subcomponent of a component, escapes undone."""
    first = part.partition("&")[0]
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], first)


def _authority(part: str) -> str | None:
    """The system of an assigning authority `&OID&ISO`."""
    pieces = part.split("&")
    return f"{codes.OID}{pieces[1]}" if len(pieces) > 1 and pieces[1] else None


# --- authors -------------------------------------------------------------------------------------


def author_references(author: Author, number: int, contained: list[Json]) -> list[Json]:
    """References to an author; the resources they need are added to `contained`.

    A person alone is a Practitioner, with anything beside it a PractitionerRole; institutions alone are
    Organizations. A role holds one institution; further ones stand as authors of their own.
    """
    name = f"author{number}"
    organizations = [
        organization(xon, f"{name}-organization{at}") for at, xon in enumerate(author.institutions, 1)
    ]
    contained += organizations
    if not (author.person or author.roles or author.specialties or author.telecoms):
        return [_local(each) for each in organizations]
    person = practitioner(author.person, f"{name}-person") if author.person else None
    if person is not None:
        contained.append(person)
        if not (organizations or author.roles or author.specialties or author.telecoms):
            return [_local(person)]
    role = _role(author, name, person, organizations[:1])
    contained.append(role)
    return [_local(role), *(_local(each) for each in organizations[1:])]


def _role(author: Author, name: str, person: Json | None, organizations: Sequence[Json]) -> Json:
    return filled(
        resourceType="PractitionerRole",
        id=name,
        practitioner=_local(person) if person else None,
        organization=_local(organizations[0]) if organizations else None,
        code=[_coded(value) for value in author.roles],
        specialty=[_coded(value) for value in author.specialties],
        telecom=[point for value in author.telecoms if (point := telecom(value))],
    )


def _local(resource: Json) -> Json:
    return {"reference": f"#{resource['id']}"}


def _coded(value: str) -> Json:
    """A Coded String `code^^^&OID&ISO`, or plain text."""
    parts = components(value)
    if not parts[_CX_AUTHORITY]:
        return {"text": plain(parts[0])}
    scheme = (_authority(parts[_CX_AUTHORITY]) or "").removeprefix(codes.OID)
    return concept(Code(plain(parts[0]), scheme))


def practitioner(xcn: str, name: str) -> Json:
    """A Practitioner from XCN `id^family^given^further^suffix^prefix^^^&OID&ISO`."""
    parts = components(xcn)
    number = plain(parts[0])
    return filled(
        resourceType="Practitioner",
        id=name,
        identifier=[identifier(number, _authority(parts[_XCN_AUTHORITY]))] if number else None,
        name=[human] if (human := _human_name(parts[1:])) else None,
    )


def organization(xon: str, name: str) -> Json:
    """An Organization from XON `name^^^^^&OID&ISO^^^^id`."""
    parts = components(xon)
    number = plain(parts[_XON_ID])
    return filled(
        resourceType="Organization",
        id=name,
        identifier=[identifier(number, _authority(parts[_XON_AUTHORITY]))] if number else None,
        name=plain(parts[0]),
    )


def telecom(xtn: str) -> Json | None:
    """A ContactPoint from XTN `^^Internet^mail` or `^PRS^PH^^cc^area^number^ext`."""
    parts = [plain(part) for part in components(xtn)]
    if parts[2] == "Internet" or parts[3]:
        return {"system": "email", "value": parts[3]} if parts[3] else None
    country = f"+{parts[4].lstrip('+')}" if parts[4] else ""
    number = " ".join(part for part in (country, parts[5], parts[6]) if part) or parts[11] or parts[0]
    return {"system": "phone", "value": number} if number else None


def _human_name(parts: Sequence[str]) -> Json:
    """A HumanName from the name components of XCN or XPN: family, given, further, suffix, prefix."""
    family, given, further, suffix, prefix = (plain(part) for part in parts[:5])
    return filled(
        family=family,
        given=[part for part in (given, *further.split()) if part],
        suffix=[suffix] if suffix else None,
        prefix=[prefix] if prefix else None,
    )


# --- the patient as the source knew it -----------------------------------------------------------


def source_patient(source_id: str | None, info: Iterable[str], name: str) -> Json | None:
    """A Patient from sourcePatientId and the PID fields of sourcePatientInfo; None without either."""
    fields: dict[str, str] = {}
    for value in info:
        field, _, content = value.partition("|")
        fields[field] = f"{fields[field]}~{content}" if field in fields else content
    numbers = dict.fromkeys(filter(None, (source_id, *fields.get("PID-3", "").split("~"))))
    names = [_human_name(components(each)) for each in fields.get("PID-5", "").split("~")]
    birth = _DTM.match(fields.get("PID-7", ""))
    patient = filled(
        identifier=[_cx(number) for number in numbers],
        name=[each for each in names if each],
        gender=codes.GENDERS.get(fields.get("PID-8", "")),
        birthDate=date_time(birth[0]) if birth else None,
        address=[address for each in fields.get("PID-11", "").split("~") if (address := _address(each))],
    )
    return {"resourceType": "Patient", "id": name, **patient} if patient else None


def _cx(value: str) -> Json:
    parts = components(value)
    return identifier(plain(parts[0]), _authority(parts[_CX_AUTHORITY]))


def _address(value: str) -> Json:
    street, other, city, state, code, country = (plain(part) for part in components(value)[:6])
    return filled(
        line=[part for part in (street, other) if part],
        city=city,
        state=state,
        postalCode=code,
        country=country,
    )


# --- other references ----------------------------------------------------------------------------


def reference_id(cxi: str) -> tuple[str, Json]:
    """The type of a CXi of referenceIdList, and the Reference it becomes (ITI TF-2 Z.9.1.2)."""
    parts = components(cxi)
    kind = parts[_CX_TYPE]
    held = identifier(plain(parts[0]), _authority(parts[_CX_AUTHORITY]))
    if kind:
        held = {"type": {"coding": [{"system": codes.URI_SYSTEM, "code": kind}]}, **held}
    return kind, {"identifier": held}
