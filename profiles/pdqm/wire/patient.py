"""The Patient resource ↔ demographics and identifiers (PDQm 2:3.78.4.2, PIXm 2:3.104.4.1, FHIR R4 Patient).

What the record has no place for is not kept: photo, contact, generalPractitioner, managingOrganization,
periods.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.record.demographics import Demographics
from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqm import codes
from profiles.pdqm.wire.people import (
    read_addresses,
    read_names,
    read_telecoms,
    write_address,
    write_name,
    write_telecom,
)
from profiles.pdqm.wire.values import Json, coded, date_of, date_time_of, extension, filled, text_of, ts_of

# --- Patient → demographics ----------------------------------------------------------------------


def read_demographics(patient: Json) -> Demographics:
    """What a Patient tells of the person. What it leaves out is None."""
    place = extension(patient, codes.BIRTH_PLACE).get("valueAddress", {})
    nationality = extension(extension(patient, codes.NATIONALITY), "code").get("valueCodeableConcept", {})
    deceased_at = patient.get("deceasedDateTime")
    order = patient.get("multipleBirthInteger")
    return Demographics(
        names=read_names(patient.get("name", ())) or None,
        mothers_maiden_name=extension(patient, codes.MOTHERS_MAIDEN_NAME).get("valueString"),
        birth_date=ts_of(patient["birthDate"]) if "birthDate" in patient else None,
        sex=codes.SEXES.get(patient.get("gender", "")),
        addresses=read_addresses(patient.get("address", ())) or None,
        telecoms=read_telecoms(patient.get("telecom", ())) or None,
        birth_place=place.get("text") or place.get("city"),
        multiple_birth="Y" if order is not None else _flag(patient.get("multipleBirthBoolean")),
        birth_order=str(order) if order is not None else None,
        marital_status=_marital(patient.get("maritalStatus", {})) or None,
        language=_language(patient.get("communication", ())) or None,
        nationality=text_of(nationality) or None,
        deceased="Y" if deceased_at else _flag(patient.get("deceasedBoolean")),
        deceased_at=ts_of(deceased_at) if deceased_at else None,
    )


def _flag(value: bool | None) -> str | None:  # noqa: FBT001 - a FHIR boolean
    return None if value is None else "Y" if value else "N"


def _marital(concept: Json) -> str:
    """A code of table 0002."""
    for each in concept.get("coding", ()):
        if each.get("system") == codes.MARITAL_V2:
            return str(each.get("code", ""))
        if each.get("system") == codes.MARITAL_V3 and each.get("code") in codes.MARITAL_BACK:
            return codes.MARITAL_BACK[each["code"]]
    return ""


def _language(communication: Sequence[Json]) -> str:
    """The preferred language, else the first."""
    ranked = sorted(communication, key=lambda each: not each.get("preferred", False))
    return text_of(ranked[0]["language"]) if ranked else ""


# --- a person → Patient --------------------------------------------------------------------------


def write_patient(
    person: Person, domain: Domain, base: str, further: Iterable[PatientId] = ()
) -> dict[str, Any]:
    """A Patient resource; `further` are identifiers that sources told without assigning them."""
    told = person.demographics
    identifiers = dict.fromkeys((*person.identifiers, *further))
    return {
        "resourceType": "Patient",
        "id": person.logical_id,
        "meta": {"profile": [codes.PATIENT_PROFILE]},
        **filled(extension=_extensions(told)),
        "identifier": [write_identifier(each, domain) for each in identifiers] or [_own(person, base)],
        "active": person.active,
        "name": [write_name(each) for each in told.names or ()] or [_NO_NAME],
        **filled(
            telecom=[write_telecom(each) for each in told.telecoms or ()],
            gender=codes.GENDERS.get(told.sex or ""),
            birthDate=date_of(told.birth_date),
            **_deceased(told),
            address=[write_address(each) for each in told.addresses or ()],
            maritalStatus=_write_marital(told.marital_status),
            **_multiple_birth(told),
            communication=_communication(told),
            link=_links(person),
        ),
    }


_NO_NAME = {"extension": [{"url": codes.DATA_ABSENT, "valueCode": "unknown"}]}
"""PDQm rule iti-pdqm-patname."""


def write_identifier(identifier: PatientId, domain: Domain) -> dict[str, Any]:
    """An Identifier, its system the preferred one of the domain."""
    known = domain.identity_domains.get(identifier.root)
    return {
        "system": known.system if known else f"urn:oid:{identifier.root}",
        "value": identifier.extension,
        **({"assigner": {"display": known.namespace}} if known and known.namespace else {}),
    }


def _own(person: Person, base: str) -> Json:
    """Where the caller may see no identifier, the resource itself is one."""
    return {"system": codes.URI_SYSTEM, "value": f"{base}/Patient/{person.logical_id}"}


def _extensions(told: Demographics) -> list[Json]:
    found: list[Json] = []
    if told.mothers_maiden_name:
        found.append({"url": codes.MOTHERS_MAIDEN_NAME, "valueString": told.mothers_maiden_name})
    if told.birth_place:
        found.append({"url": codes.BIRTH_PLACE, "valueAddress": {"text": told.birth_place}})
    if told.nationality:
        concept = coded(codes.COUNTRIES, told.nationality)
        found.append(
            {"url": codes.NATIONALITY, "extension": [{"url": "code", "valueCodeableConcept": concept}]}
        )
    return found


def _deceased(told: Demographics) -> dict[str, Any]:
    at = date_time_of(told.deceased_at)
    if at is not None:
        return {"deceasedDateTime": at}
    return {"deceasedBoolean": told.deceased == "Y"} if told.deceased else {}


def _multiple_birth(told: Demographics) -> dict[str, Any]:
    if told.birth_order and told.birth_order.isdecimal():
        return {"multipleBirthInteger": int(told.birth_order)}
    return {"multipleBirthBoolean": told.multiple_birth == "Y"} if told.multiple_birth else {}


def _write_marital(status: str | None) -> Json | None:
    if not status:
        return None
    if status in codes.MARITAL:
        return coded(codes.MARITAL_V3, codes.MARITAL[status])
    return coded(codes.MARITAL_V2, status)


def _communication(told: Demographics) -> list[Json]:
    if not told.language:
        return []
    return [{"language": coded(codes.LANGUAGES, told.language), "preferred": True}]


def _links(person: Person) -> list[Json]:
    if person.replaced_by is None:
        return []
    return [{"other": {"reference": f"Patient/{person.replaced_by:x}"}, "type": "replaced-by"}]
