"""What every Patient, and every identifier, must hold before it is believed (PDQm 2:3.78, PIXm 2:3.104)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm import codes
from profiles.pdqm.wire.values import Json

_LONGEST_ID = 128
_ID = re.compile(r"[^\s|^~\\&]+( +[^\s|^~\\&]+)*")
_OID = re.compile(r"urn:oid:(?P<root>[0-2](?:\.(?:0|[1-9]\d*))+)", re.ASCII)
_LOGICAL_ID = re.compile(r"[0-9a-f]{1,16}", re.ASCII)
_LARGEST_KEY = 2**63 - 1
_OLD = "old"
REPLACED_BY = "replaced-by"


def refused(meaning: Meaning, text: str, location: str) -> Refused:
    """A refusal with one problem."""
    return Refused(Problem(meaning, text, location))


def check_patient(patient: Json, place: str = "Patient") -> None:
    """Refused for what could change the meaning of a Patient, and for a gender that is no code."""
    for name in ("implicitRules", "modifierExtension"):
        if name in patient:
            raise refused(Meaning.METADATA_INVALID, f"{name} is not allowed here", f"{place}.{name}")
    for name in ("contact", "communication", "link"):
        for at, each in enumerate(patient.get(name, ())):
            if "modifierExtension" in each:
                where = f"{place}.{name}[{at}].modifierExtension"
                raise refused(Meaning.METADATA_INVALID, "modifierExtension is not allowed here", where)
    if patient.get("gender", "male") not in codes.SEXES:
        text = "expected male, female, other or unknown"
        raise refused(Meaning.TABLE_VALUE, text, f"{place}.gender")
    if "link" in patient and "active" not in patient:
        raise refused(Meaning.METADATA_INVALID, "a Patient with link must tell active", f"{place}.active")


def check_fed(patient: Json, place: str = "Patient") -> None:
    """The same, and what a feed must hold: identifiers with system and value, and a name."""
    check_patient(patient, place)
    for name in ("identifier", "name"):
        if not patient.get(name):
            raise refused(Meaning.REQUIRED_FIELD, f"{name} is required", f"{place}.{name}")
    for at, each in enumerate(patient["identifier"]):
        for name in ("system", "value"):
            if name not in each:
                where = f"{place}.identifier[{at}].{name}"
                raise refused(Meaning.REQUIRED_FIELD, f"an identifier must have a {name}", where)


@dataclass(frozen=True, slots=True)
class Told:
    """Identifiers: of domains known here, of others by OID, and how many of systems that are neither."""

    known: tuple[PatientId, ...]
    other: tuple[PatientId, ...]
    lost: int


def read_identifiers(patient: Json, domain: Domain, place: str = "Patient") -> Told:
    """The identifiers in use. One of use "old" is left out."""
    known, other, lost = [], [], 0
    for where, each in _current(patient, place):
        root = domain.root_of_system(each["system"])
        foreign = _OID.fullmatch(each["system"])
        if root is not None:
            known.append(PatientId(checked_value(each["value"], where), root))
        elif foreign is not None:
            other.append(PatientId(checked_value(each["value"], where), foreign["root"]))
        else:
            lost += 1
    return Told(tuple(dict.fromkeys(known)), tuple(dict.fromkeys(other)), lost)


def _current(patient: Json, place: str) -> Iterator[tuple[str, Json]]:
    for at, each in enumerate(patient.get("identifier", ())):
        if "system" in each and "value" in each and each.get("use") != _OLD:
            yield f"{place}.identifier[{at}].value", each


def checked_value(value: str, place: str) -> str:
    """Registered documents name patients by CX text, where an identifier cannot hold delimiters."""
    if len(value) > _LONGEST_ID or not _ID.fullmatch(value):
        text = f"an identifier has delimiters or more than {_LONGEST_ID} characters"
        raise refused(Meaning.INVALID_REQUEST, text, place)
    return value


def token_of(value: str, place: str) -> tuple[str, str]:
    """System and value of `system|value`, both of them there."""
    system, _, rest = value.partition("|")
    if not system or not rest:
        raise refused(Meaning.DATA_TYPE, f"{place}: expected <system>|<value>", place)
    return system, rest


def key_of(logical_id: str) -> int | None:
    """The person that a logical id names; None for what can be none."""
    if not _LOGICAL_ID.fullmatch(logical_id):
        return None
    key = int(logical_id, 16)
    return key if key <= _LARGEST_KEY else None
