"""Demographics → HL7 V3 person (PRPA_MT201302UV02, 201304UV02, 201310UV02; ITI TF-2 3.47.4.2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from profiles.pixv3 import codes
from profiles.pixv3.wire.text import coded, null, texted, valued
from profiles.xds.wire.text import attribute, text

NAME_USES = MappingProxyType({"L": "L", "S": "P", "A": "A", "T": "I", "C": "L"})
"""Table 0200 → EntityNameUse; the others have none."""

ADDRESS_USES = MappingProxyType(
    {"H": "H", "P": "HP", "B": "WP", "O": "WP", "C": "TMP", "M": "PST", "BA": "BAD"}
)
"""Table 0190 → PostalAddressUse."""

TELECOM_USES = MappingProxyType({"home": "HP", "work": "WP", "mobile": "MC"})
SCHEMES = MappingProxyType({"phone": "tel:", "fax": "fax:", "email": "mailto:"})
_GENDERS = MappingProxyType({"F": "F", "M": "M", "O": "UN", "A": "UN"})
_BIRTH_NAMES = frozenset({"M", "B"})


def person_content(told: Demographics, others: str = "") -> str:
    """What stands in patientPerson, in the order of the schema. `others` are asOtherIDs to be written too."""
    return "".join(
        (
            _names(told.names or ()),
            *[_telecom(each) for each in told.telecoms or ()],
            _gender(told.sex),
            valued("birthTime", told.birth_date) if told.birth_date else "",
            _yes_no("deceasedInd", told.deceased),
            valued("deceasedTime", told.deceased_at) if told.deceased_at else "",
            _yes_no("multipleBirthInd", told.multiple_birth),
            valued("multipleBirthOrderNumber", told.birth_order) if told.birth_order else "",
            *[address("addr", each) for each in told.addresses or ()],
            coded("maritalStatusCode", told.marital_status) if told.marital_status else "",
            _citizen(told.nationality),
            others,
            _mother(told),
            _birth_place(told.birth_place),
            _language(told.language),
        )
    )


def _names(names: tuple[PersonName, ...]) -> str:
    return "".join([name("name", each) for each in names]) or null("name", "UNK")


def name(tag: str, told: PersonName) -> str:
    """A PN; a birth name is told by the qualifier of its family name."""
    use = NAME_USES.get(told.use)
    written = f' use="{use}"' if use else ""
    qualifier = ' qualifier="BR"' if told.use in _BIRTH_NAMES else ""
    family = f"<family{qualifier}>{text(told.family)}</family>" if told.family else ""
    given = "".join([texted("given", each) for each in told.given])
    content = f"{texted('prefix', told.prefix)}{given}{family}{texted('suffix', told.suffix)}"
    return f"<{tag}{written}>{content}</{tag}>" if content else ""


def _telecom(told: Telecom) -> str:
    value = f"{SCHEMES.get(told.system, '')}{told.value.replace(' ', '')}"
    use = TELECOM_USES.get(told.use)
    written = f' use="{use}"' if use else ""
    return f'<telecom{written} value="{attribute(value)}"></telecom>'


def _gender(sex: str | None) -> str:
    if not sex:
        return ""
    code = _GENDERS.get(sex)
    if code is None:
        return null("administrativeGenderCode", "NA" if sex == "N" else "UNK")
    return coded("administrativeGenderCode", code, codes.GENDER)


def _yes_no(tag: str, value: str | None) -> str:
    return valued(tag, "true" if value == "Y" else "false") if value in {"Y", "N"} else ""


def address(tag: str, told: Address) -> str:
    """An AD."""
    use = ADDRESS_USES.get(told.use)
    written = f' use="{use}"' if use else ""
    content = "".join(
        (
            *[texted("streetAddressLine", each) for each in told.lines],
            texted("city", told.city),
            texted("state", told.state),
            texted("postalCode", told.postcode),
            texted("country", told.country),
        )
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else ""


def _citizen(nationality: str | None) -> str:
    if not nationality:
        return ""
    nation = coded("code", nationality)
    return (
        '<asCitizen classCode="CIT"><politicalNation classCode="NAT" determinerCode="INSTANCE">'
        f"{nation}</politicalNation></asCitizen>"
    )


def other_ids(roots: Iterable[tuple[str, str]]) -> str:
    """asOtherIDs: (what stands as id, the OID of the domain) of each."""
    return "".join(
        [
            f'<asOtherIDs classCode="PAT">{written}<scopingOrganization classCode="ORG" '
            f'determinerCode="INSTANCE"><id root="{attribute(root)}"></id></scopingOrganization></asOtherIDs>'
            for written, root in roots
        ]
    )


def _mother(told: Demographics) -> str:
    if not told.mothers_maiden_name:
        return ""
    maiden = name("name", PersonName(family=told.mothers_maiden_name))
    return (
        f'<personalRelationship classCode="PRS">{coded("code", "MTH", codes.ROLES)}'
        f'<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">{maiden}'
        "</relationshipHolder1></personalRelationship>"
    )


def _birth_place(place: str | None) -> str:
    if not place:
        return ""
    return (
        '<birthPlace classCode="BIRTHPL"><birthplace classCode="PLC" determinerCode="INSTANCE">'
        f"{texted('name', place)}</birthplace></birthPlace>"
    )


def _language(language: str | None) -> str:
    if not language:
        return ""
    return f"<languageCommunication>{coded('languageCode', language)}</languageCommunication>"
