"""Names of PDQm and FHIR, and codes that HL7 v2 tables and FHIR name differently (PDQm 2:3.78)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

URI_SYSTEM = "urn:ietf:rfc:3986"

PATIENT_PROFILE = "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient"
MATCH_DEFINITION = "https://profiles.ihe.net/ITI/PDQm/OperationDefinition/PDQmMatch"

_EXTENSION = "http://hl7.org/fhir/StructureDefinition"
MOTHERS_MAIDEN_NAME = f"{_EXTENSION}/patient-mothersMaidenName"
BIRTH_PLACE = f"{_EXTENSION}/patient-birthPlace"
NATIONALITY = f"{_EXTENSION}/patient-nationality"
DATA_ABSENT = f"{_EXTENSION}/data-absent-reason"
MATCH_GRADE = f"{_EXTENSION}/match-grade"

LANGUAGES = "urn:ietf:bcp:47"
COUNTRIES = "urn:iso:std:iso:3166"
MARITAL_V3 = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
MARITAL_V2 = "http://terminology.hl7.org/CodeSystem/v2-0002"


def _both(pairs: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """A mapping, and its way back: where two keys have one value, the first."""
    back: dict[str, str] = {}
    for key, value in pairs.items():
        back.setdefault(value, key)
    return MappingProxyType(dict(pairs)), MappingProxyType(back)


# Table 0001 → Patient.gender.
GENDERS, SEXES = _both({"M": "male", "F": "female", "O": "other", "A": "other", "N": "other", "U": "unknown"})

# Table 0200 → HumanName.use (HL7 v2 to FHIR).
NAME_USES, NAME_TYPES = _both(
    {
        "L": "official",
        "D": "usual",
        "M": "maiden",
        "N": "nickname",
        "S": "anonymous",
        "BAD": "old",
        "B": "old",
        "TEMP": "temp",
    }
)

# Table 0190 → Address.use.
ADDRESS_USES, ADDRESS_TYPES = _both(
    {"H": "home", "L": "home", "O": "work", "B": "work", "C": "temp", "BA": "old", "BI": "billing"}
)

# What telecommunication systems are called in the record.
TELECOM_SYSTEMS = MappingProxyType(
    {
        "phone": "phone",
        "sms": "phone",
        "fax": "fax",
        "email": "email",
        "pager": "other",
        "url": "other",
        "other": "other",
    }
)
TELECOM_USES = frozenset({"home", "work", "mobile"})

# Table 0002 → v3 MaritalStatus.
MARITAL, MARITAL_BACK = _both(
    {
        "D": "D",
        "M": "M",
        "W": "W",
        "S": "S",
        "I": "I",
        "N": "A",
        "E": "L",
        "P": "T",
        "B": "U",
        "C": "C",
        "O": "P",
    }
)
