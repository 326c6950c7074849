"""HL7 V3 person → demographics (PRPA_MT201301UV02, 201302UV02; ITI TF-2 3.44.4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from types import MappingProxyType
from typing import TypeVar

from lxml import etree

from gateway.errors import Meaning
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3 import codes
from profiles.pixv3.rules import place, refused, under
from profiles.pixv3.wire.wrapper import V

ValueT = TypeVar("ValueT")
_LONGEST = 1_000
_LONGEST_ID = 128
_ID = re.compile(r"[^\s|^~\\&]+( +[^\s|^~\\&]+)*")
_TS = re.compile(
    r"(\d{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])"
    r"(?:([01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d+)?)?)?)?)?)?([+-]\d{1,4})?",
    re.ASCII,
)
_NAME_USES = MappingProxyType({"L": "L", "P": "S", "A": "A", "I": "T"})
_ADDRESS_USES = MappingProxyType(
    {"H": "H", "HP": "H", "HV": "C", "WP": "B", "DIR": "B", "TMP": "C", "PST": "M", "BAD": "BA"}
)
_TELECOM_USES = MappingProxyType(
    {"MC": "mobile", "H": "home", "HP": "home", "HV": "home", "WP": "work", "DIR": "work"}
)
_SYSTEMS = MappingProxyType({"tel": "phone", "fax": "fax", "x-text-fax": "fax", "mailto": "email"})
_GENDERS = MappingProxyType({"F": "F", "M": "M", "UN": "O"})
_TABLE_0001 = frozenset("FMOUAN")
_LINES = frozenset({"streetAddressLine", "deliveryAddressLine", "additionalLocator", "postBox", "careOf"})


# --- values --------------------------------------------------------------------------------------


def words(element: etree._Element | None) -> str:
    """The text of an element, its white space collapsed; DATA_TYPE when it is too long."""
    if element is None or element.get("nullFlavor") is not None:
        return ""
    value = " ".join("".join(str(each) for each in element.itertext()).split())
    if len(value) > _LONGEST:
        name = etree.QName(element).localname
        raise refused(Meaning.DATA_TYPE, f"{name} is longer than {_LONGEST} characters", name)
    return value


def code_of(element: etree._Element | None) -> str | None:
    """The code of an element; empty where it was sent without one."""
    return None if element is None else element.get("code", "")


def moment(value: str, where: str) -> str:
    """A TS that exists, of any precision from a year."""
    match = _TS.fullmatch(value)
    if match is None or not _exists(match):
        raise refused(Meaning.DATA_TYPE, "not a date of the form YYYY[MM[DD[HHMM[SS]]]]", where)
    return value


def _exists(match: re.Match[str]) -> bool:
    try:
        date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return False
    return True


def read_name(element: etree._Element) -> PersonName | None:
    """A PN or EN; None when it says nothing. Plain text is taken as a family name."""
    if element.get("nullFlavor") is not None:
        return None
    parts: dict[str, list[str]] = {}
    born = []
    for each in element.iterchildren(f"{V}family", f"{V}given", f"{V}prefix", f"{V}suffix"):
        value = words(each)
        if not value:
            continue
        tag = etree.QName(each).localname
        if tag == "family" and "BR" in each.get("qualifier", "").split():
            born.append(value)
        else:
            parts.setdefault(tag, []).append(value)
    if not parts and not born:
        text = words(element)
        return PersonName(family=text) if text else None
    maiden = bool(born) and "family" not in parts
    return PersonName(
        family=" ".join(parts.get("family", born)),
        given=tuple(parts.get("given", ())),
        prefix=" ".join(parts.get("prefix", ())),
        suffix=" ".join(parts.get("suffix", ())),
        use="M" if maiden else _first(_NAME_USES, element.get("use", "")),
    )


def read_address(element: etree._Element) -> Address | None:
    """An AD; None when it says nothing."""
    if element.get("nullFlavor") is not None:
        return None
    lines: list[str] = []
    found: dict[str, str] = {}
    for each in element.iterchildren():
        if isinstance(each.tag, str) and (value := words(each)):
            tag = etree.QName(each).localname
            if tag in _LINES:
                lines.append(value)
            else:
                found.setdefault(tag, value)
    street = " ".join(found[tag] for tag in ("streetName", "houseNumber") if tag in found)
    address = Address(
        lines=(*lines, street) if street else tuple(lines),
        city=found.get("city", ""),
        state=found.get("state", ""),
        postcode=found.get("postalCode", ""),
        country=found.get("country", ""),
        use=_first(_ADDRESS_USES, element.get("use", "")),
    )
    return address if address.lines or found else None


def read_telecom(element: etree._Element) -> Telecom | None:
    """A TEL, without the scheme of its URL."""
    url = element.get("value", "").strip()
    if not url or len(url) > _LONGEST:
        return None
    scheme, _, number = url.partition(":")
    system = _SYSTEMS.get(scheme.lower()) if number else "phone"
    use = _first(_TELECOM_USES, element.get("use", ""))
    if system is None:
        return Telecom(value=url, system="other", use=use)
    return Telecom(value=number or url, system=system, use=use)


def _first(uses: MappingProxyType[str, str], listed: str) -> str:
    return next((uses[each] for each in listed.split() if each in uses), "")


def read_sex(element: etree._Element | None, where: str) -> str | None:
    """A letter of table 0001, which some senders name as the code system."""
    if element is None:
        return None
    code = element.get("code")
    if code is None:
        return {"UNK": "U", "OTH": "O"}.get(element.get("nullFlavor", ""), "")
    table = _TABLE_0001 if element.get("codeSystem") == codes.TABLE_0001 else frozenset[str]()
    found = _GENDERS.get(code) or (code if code in table else None)
    if found is None:
        raise refused(Meaning.TABLE_VALUE, "not a code of AdministrativeGender", where)
    return found


def read_yes_no(element: etree._Element | None) -> str | None:
    """A BL as Y or N; empty where it was sent without a value."""
    if element is None:
        return None
    return {"true": "Y", "false": "N"}.get(element.get("value", ""), "")


# --- identifiers ---------------------------------------------------------------------------------


def read_patient_id(element: etree._Element, domain: Domain, where: str) -> PatientId | None:
    """An II with root and extension; None when it is not complete. A namespace may stand for the root.

    Registered documents name patients by CX text, where an identifier cannot hold delimiters.
    """
    root = element.get("root") or domain.root_of_namespace(element.get("assigningAuthorityName", ""))
    extension = element.get("extension")
    if element.get("nullFlavor") is not None or not root or not extension:
        return None
    if len(extension) > _LONGEST_ID or not _ID.fullmatch(extension):
        text = f"an identifier has delimiters or more than {_LONGEST_ID} characters"
        raise refused(Meaning.DATA_TYPE, text, where)
    return PatientId(extension, root)


def _ids(elements: Iterable[etree._Element], domain: Domain, where: str) -> tuple[PatientId, ...]:
    found = (read_patient_id(each, domain, where) for each in elements)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def read_ids(message: etree._Element, path: str, domain: Domain) -> tuple[PatientId, ...]:
    """The identifiers of known domains at a place; those of other domains are passed over.

    Refused when there is none (101), none of a known domain (204), or several are of one (205).
    """
    where = place(message, path)
    sent = _ids(message.findall(under(path)), domain, where)
    if not sent:
        raise refused(Meaning.REQUIRED_FIELD, "no identifier with root and extension was sent", where)
    known = tuple(each for each in sent if each.root in domain.identity_domains)
    if not known:
        raise refused(Meaning.UNKNOWN_KEY, "none of the identifiers is of a domain that is known here", where)
    if len({each.root for each in known}) < len(known):
        text = "several identifiers of one domain were sent, expected one"
        raise refused(Meaning.DUPLICATE_KEY, text, where)
    return tuple(sorted(known, key=lambda each: (each.root != domain.affinity_root, each.root)))


# --- persons -------------------------------------------------------------------------------------


def read_person(person: etree._Element, domain: Domain, where: str) -> Demographics:
    """A patientPerson. What was not sent is None, as in HL7 v2. `where` is its XPath."""
    mother = _mother(person)
    return Demographics(
        names=_each(person, "name", read_name),
        mothers_maiden_name=_maiden_name(mother),
        birth_date=_moment(person, "birthTime", where),
        sex=read_sex(person.find(f"{V}administrativeGenderCode"), f"{where}/administrativeGenderCode"),
        addresses=_each(person, "addr", read_address),
        telecoms=_each(person, "telecom", read_telecom),
        identifiers=_other_ids(person, domain, where),
        mothers_identifiers=_mothers_ids(mother, domain, where),
        birth_place=_birth_place(person.find(f"{V}birthPlace")),
        multiple_birth=read_yes_no(person.find(f"{V}multipleBirthInd")),
        birth_order=_number(person.find(f"{V}multipleBirthOrderNumber")),
        marital_status=code_of(person.find(f"{V}maritalStatusCode")),
        language=_language(person),
        nationality=code_of(person.find(under("asCitizen/politicalNation/code"))),
        deceased=read_yes_no(person.find(f"{V}deceasedInd")),
        deceased_at=_moment(person, "deceasedTime", where),
    )


def _each(
    person: etree._Element, tag: str, read: Callable[[etree._Element], ValueT | None]
) -> tuple[ValueT, ...] | None:
    found = person.findall(f"{V}{tag}")
    return tuple(value for each in found if (value := read(each)) is not None) if found else None


def _moment(person: etree._Element, tag: str, where: str) -> str | None:
    found = person.find(f"{V}{tag}")
    value = None if found is None else found.get("value", "")
    return moment(value, f"{where}/{tag}") if value else value


def _number(element: etree._Element | None) -> str | None:
    return None if element is None else element.get("value", "")


def _mother(person: etree._Element) -> etree._Element | None:
    """The mother among the personal relationships."""
    for each in person.findall(f"{V}personalRelationship"):
        if code_of(each.find(f"{V}code")) == "MTH":
            return each.find(f"{V}relationshipHolder1")
    return None


def _maiden_name(mother: etree._Element | None) -> str | None:
    found = None if mother is None else mother.find(f"{V}name")
    if found is None:
        return None
    born = next((each for each in found.iterchildren(f"{V}family") if _is_born(each)), None)
    if born is not None:
        return words(born)
    name = read_name(found)
    return name.family if name else ""


def _is_born(family: etree._Element) -> bool:
    return "BR" in family.get("qualifier", "").split()


def _mothers_ids(mother: etree._Element | None, domain: Domain, where: str) -> tuple[PatientId, ...] | None:
    found = [] if mother is None else mother.findall(f"{V}id")
    return _ids(found, domain, f"{where}/personalRelationship") if found else None


def _other_ids(person: etree._Element, domain: Domain, where: str) -> tuple[PatientId, ...] | None:
    found = person.findall(under("asOtherIDs/id"))
    return _ids(found, domain, f"{where}/asOtherIDs/id") if found else None


def _birth_place(element: etree._Element | None) -> str | None:
    if element is None:
        return None
    name = words(element.find(under("birthplace/name")))
    if name:
        return name
    found = element.find(f"{V}addr")
    if found is None:
        found = element.find(under("birthplace/addr"))
    address = None if found is None else read_address(found)
    return address.city if address else ""


def _language(person: etree._Element) -> str | None:
    """The preferred language, or the first."""
    spoken = person.findall(f"{V}languageCommunication")
    if not spoken:
        return None
    preferred = (each for each in spoken if read_yes_no(each.find(f"{V}preferenceInd")) == "Y")
    return code_of(next(preferred, spoken[0]).find(f"{V}languageCode"))
