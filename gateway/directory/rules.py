"""What an entry must hold, and what it may be called by (ITI HPD 3.58.4.1.2.2; ISO 21091 9.2)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType

from cryptography import x509

from gateway.record.directory import (
    LONGEST_VALUE,
    Attribute,
    Attributes,
    Declined,
    Entry,
    Place,
    ResultCode,
    Unit,
    fold,
)
from gateway.stores.directory import CALLED, CERTIFIED, MEMBER, OWNER, EntryRow

MOST_ATTRIBUTES, MOST_VALUES, LONGEST_BINARY = 100, 500, 20_000
MAINTAINED = frozenset({"memberof", "createtimestamp", "modifytimestamp"})
"""Kept by the directory itself."""
LINKED = frozenset({OWNER, MEMBER})
BINARY = frozenset(
    {"usercertificate", "usersmimecertificate", "hcsigningcertificate", "hcorganizationcertificates"}
)
CERTIFICATES = ("usercertificate", "hcsigningcertificate")
"""Attributes whose certificates name a professional who asks for a token."""
SINGLE = frozenset(
    {"uid", "displayname", "sn", "gender", "hpdproviderstatus", "hpdproviderlegaladdress", "hpdserviceid"}
)
STATUSES = frozenset({"active", "inactive", "deceased", "retired"})
_CLASSES: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.PROFESSIONAL: "HCProfessional",
        Unit.ORGANISATION: "HCRegulatedOrganization",
        Unit.RELATIONSHIP: "groupOfNames",
    }
)
_REQUIRED: Mapping[Unit, tuple[str, ...]] = MappingProxyType(
    {
        Unit.PROFESSIONAL: ("cn", "sn", "displayName"),
        Unit.ORGANISATION: ("HcRegisteredName",),
    }
)
_SPELLED: Mapping[str, str] = MappingProxyType({"hcspecialization": "HcSpecialisation"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,100}")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*)){1,40}")
_IDENTIFIER_PARTS = 4


def spelled(attribute: Attribute) -> Attribute:
    """An attribute under the name it is kept by, values without space around them, each once."""
    if not _NAME.fullmatch(attribute.name):
        raise Declined(ResultCode.INVALID_ATTRIBUTE_SYNTAX, "an attribute has a name that is none")
    name = _SPELLED.get(attribute.name.lower(), attribute.name)
    binary = attribute.binary or name.lower() in BINARY
    values = tuple(dict.fromkeys(_clean(name, each, binary=binary) for each in attribute.values))
    return Attribute(name, values, binary)


def _clean(name: str, value: str, *, binary: bool) -> str:
    text = "".join(value.split()) if binary else " ".join(value.split())
    if not text or len(text) > (LONGEST_BINARY if binary else LONGEST_VALUE):
        raise Declined(ResultCode.INVALID_ATTRIBUTE_SYNTAX, f"a value of {name} is empty or too long")
    return text


def check(place: Place, attributes: Attributes) -> None:
    """Declined unless the entry has its name, class and required attributes, and no value too many."""
    unit = place.unit
    if unit is None:
        raise Declined(ResultCode.UNWILLING_TO_PERFORM, "suffix and units are no entries")
    _check_name(place, attributes)
    classes = {fold(each) for each in _values(attributes, "objectclass")}
    if not classes or (unit in _CLASSES and _CLASSES[unit].lower() not in classes):
        expected = _CLASSES.get(unit, "a class")
        raise Declined(ResultCode.OBJECT_CLASS_VIOLATION, f"objectClass does not hold {expected}")
    for name in _REQUIRED.get(unit, ()):
        if not _values(attributes, name.lower()):
            raise Declined(ResultCode.OBJECT_CLASS_VIOLATION, f"{name} is missing")
    _check_counts(attributes)
    _check_certificates(attributes)


def _check_name(place: Place, attributes: Attributes) -> None:
    values = {fold(each) for each in _values(attributes, place.attribute.lower())}
    if fold(place.value) not in values:
        text = f"{place.attribute} does not hold the value by which the entry is named"
        raise Declined(ResultCode.NAMING_VIOLATION, text)


def _check_certificates(attributes: Attributes) -> None:
    """Nothing but certificates where certificates belong: whoever sends a private key has lost it by then."""
    for name in CERTIFICATES:
        for value in _values(attributes, name):
            try:
                x509.load_der_x509_certificate(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError) as error:
                text = f"a value of {name} is no certificate"
                raise Declined(ResultCode.INVALID_ATTRIBUTE_SYNTAX, text) from error


def _check_counts(attributes: Attributes) -> None:
    if len(attributes) > MOST_ATTRIBUTES or sum(len(a.values) for a in attributes.values()) > MOST_VALUES:
        raise Declined(ResultCode.ADMIN_LIMIT_EXCEEDED, "the entry has too many attributes or values")
    for name, attribute in attributes.items():
        if name in SINGLE and len(attribute.values) > 1:
            raise Declined(ResultCode.CONSTRAINT_VIOLATION, f"{attribute.name} has one value only")
    for status in _values(attributes, "hpdproviderstatus"):
        if fold(status) not in STATUSES:
            text = "hpdProviderStatus is none of Active, Inactive, Deceased, Retired"
            raise Declined(ResultCode.INVALID_ATTRIBUTE_SYNTAX, text)


def row_of(entry: Entry) -> EntryRow:
    """An entry as it is written."""
    called = sorted(set(_called(entry)))
    return EntryRow(
        entry=entry,
        values=frozenset(found_by(entry)),
        standing={"names": called, "professions": list(_values(entry.attributes, "hcprofession"))},
        active=active(entry),
    )


def found_by(entry: Entry) -> Iterator[tuple[str, str]]:
    """Attribute and value in the form in which they are compared; binary values cannot be compared."""
    for name, attribute in entry.attributes.items():
        for value in attribute.values:
            yield name, fold(value)[:LONGEST_VALUE] if not attribute.binary else "binary"
    for value in _called(entry):
        yield CALLED, value
    for thumbprint, _ in certificates(entry):
        yield CERTIFIED, thumbprint


def certificates(entry: Entry) -> Iterator[tuple[str, bytes]]:
    """SHA-256 in hex and DER of the certificates by which a professional is known; none of others."""
    if entry.place.unit is not Unit.PROFESSIONAL:
        return
    for name in CERTIFICATES:
        for value in _values(entry.attributes, name):
            try:
                der = base64.b64decode(value, validate=True)
            except binascii.Error:
                continue
            yield sha256(der).hexdigest(), der


def oids(entry: Entry) -> list[str]:
    """The OIDs among what an organisation may be called by."""
    return [each for each in dict.fromkeys(_called(entry)) if _OID.fullmatch(each)]


def active(entry: Entry) -> bool:
    """A professional must say so; of others the absence of a status says nothing against them."""
    status = next((fold(each) for each in _values(entry.attributes, "hpdproviderstatus")), "")
    said = status == "active" or (not status and entry.place.unit is not Unit.PROFESSIONAL)
    return said and not entry.blocked


def _called(entry: Entry) -> Iterator[str]:
    """What an assertion may call a person or an organisation; identifiers count while they are active."""
    if entry.place.unit not in {Unit.PROFESSIONAL, Unit.ORGANISATION}:
        return
    yield entry.place.value
    for identifier in _values(entry.attributes, "hcidentifier"):
        parts = [each.strip() for each in identifier.split(":")]
        if len(parts) < _IDENTIFIER_PARTS or fold(parts[-1]) != "active":
            continue
        authority, kind, value = parts[0], parts[1], ":".join(parts[2:-1])
        yield f"{authority}:{kind}:{value}"
        yield f"{authority}:{value}"
        if _OID.fullmatch(authority):
            yield f"{value}^^^&{authority}&ISO"
        if entry.place.unit is Unit.ORGANISATION and _OID.fullmatch(value):
            yield value


def _values(attributes: Attributes, name: str) -> tuple[str, ...]:
    found = attributes.get(name)
    return found.values if found else ()
