"""Attributes of an assertion (ITI TF-2: 3.40.4.1.2, XSPA): who acts, for whom, in which role and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.errors import SignerRefused, TokenInvalid
from gateway.identity.saml.policy import plain_text, saml
from gateway.record.people import Code, PatientId
from gateway.tokens.names import (
    EMERGENCY_REASON,
    HOME_COMMUNITY,
    NATIONAL_PROVIDER_ID,
    OID_URN,
    ON_BEHALF_OF,
    ORGANISATION_ID,
    ORGANISATION_NAME,
    PATIENT,
    PROVIDER_ID,
    PURPOSE,
    ROLE,
    SUBJECT_NAME,
)

_MANY = frozenset({NATIONAL_PROVIDER_ID, PROVIDER_ID})
_READ = _MANY | {
    SUBJECT_NAME,
    ORGANISATION_NAME,
    ORGANISATION_ID,
    ROLE,
    PURPOSE,
    PATIENT,
    HOME_COMMUNITY,
    EMERGENCY_REASON,
    ON_BEHALF_OF,
}
_STATEMENT, _ATTRIBUTE, _VALUE = saml("AttributeStatement"), saml("Attribute"), saml("AttributeValue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The attributes read here; organisations and communities as bare OIDs where they were URNs of OIDs."""

    name: str | None
    organisation: str | None
    organisation_name: str | None
    role: Code
    purpose: Code
    patient: PatientId | None
    provider_ids: tuple[str, ...]
    home_community: str | None
    emergency_reason: str | None
    on_behalf_of: str | None


def read_attributes(assertion: etree._Element) -> Attributes:
    """The attributes of an assertion; others are passed over.

    SignerRefused when role or purpose of use is missing, or a single-valued attribute comes twice or cannot
    be read.
    """
    values = _collect(assertion)
    return Attributes(
        name=_text(values, SUBJECT_NAME),
        organisation=_oid(values, ORGANISATION_ID),
        organisation_name=_text(values, ORGANISATION_NAME),
        role=_required_code(values, ROLE, "role"),
        purpose=_coded(_required_code(values, PURPOSE, "purpose of use")),
        patient=_patient(values),
        provider_ids=_provider_ids(values),
        home_community=_oid(values, HOME_COMMUNITY),
        emergency_reason=_text(values, EMERGENCY_REASON),
        on_behalf_of=_text(values, ON_BEHALF_OF),
    )


def _collect(assertion: etree._Element) -> dict[str, list[etree._Element]]:
    found: dict[str, list[etree._Element]] = {}
    for statement in assertion.iterchildren(_STATEMENT):
        for attribute in statement.iterchildren(_ATTRIBUTE):
            name = attribute.get("Name", "")
            if name in _READ:
                found.setdefault(name, []).extend(attribute.iterchildren(_VALUE))
    for name, values in found.items():
        if len(values) > 1 and name not in _MANY:
            raise SignerRefused("an attribute with one value comes with several", location=name)
    return found


def _value(values: Mapping[str, Sequence[etree._Element]], name: str) -> etree._Element | None:
    found = values.get(name)
    return found[0] if found else None


def _text(values: Mapping[str, Sequence[etree._Element]], name: str) -> str | None:
    value = _value(values, name)
    return (plain_text(value) or None) if value is not None else None


def _oid(values: Mapping[str, Sequence[etree._Element]], name: str) -> str | None:
    text = _text(values, name)
    return text.removeprefix(OID_URN) if text else None


def _required_code(values: Mapping[str, Sequence[etree._Element]], name: str, title: str) -> Code:
    value = _value(values, name)
    code = _code(value) if value is not None else None
    if code is None:
        raise SignerRefused(f"no {title} in the assertion", location=name)
    return code


def _code(value: etree._Element) -> Code | None:
    """A CE of HL7 v3, as a child or on the value itself; else the plain text, with an empty scheme."""
    elements = [child for child in value if isinstance(child.tag, str)]
    source = elements[0] if len(elements) == 1 else value
    code = source.get("code", "").strip()
    if code:
        return Code(code, source.get("codeSystem", "").strip(), source.get("displayName", ""))
    if len(value):
        return None
    text = plain_text(value)
    return Code(text, "") if text else None


def _coded(code: Code) -> Code:
    if not code.scheme:
        raise SignerRefused("purpose of use without its code system", location=PURPOSE)
    return code


def _patient(values: Mapping[str, Sequence[etree._Element]]) -> PatientId | None:
    """resource-id in CX form: id^^^&OID&ISO."""
    text = _text(values, PATIENT)
    if text is None:
        return None
    identifier, _, authority = text.partition("^^^")
    parts = authority.split("^")[0].split("&")
    if (
        not identifier
        or "^" in identifier
        or len(parts) != _AUTHORITY_PARTS
        or parts[2] != "ISO"
        or not parts[1]
    ):
        raise SignerRefused("resource-id is no patient id; expected id^^^&OID&ISO", location=PATIENT)
    return PatientId(identifier, parts[1])


_AUTHORITY_PARTS = 3


def _provider_ids(values: Mapping[str, Sequence[etree._Element]]) -> tuple[str, ...]:
    national = [plain_text(value) for value in values.get(NATIONAL_PROVIDER_ID, ())]
    return tuple([text for text in national if text] + [_instance(v) for v in values.get(PROVIDER_ID, ())])


def _instance(value: etree._Element) -> str:
    """An II of HL7 v3 in CX form, or its root alone when it has no extension."""
    child = value[0] if len(value) == 1 else None
    root = child.get("root", "") if child is not None else ""
    if child is None or not root:
        raise TokenInvalid("provider identifier without a root", location=PROVIDER_ID)
    extension = child.get("extension", "")
    return str(PatientId(extension, root)) if extension else root
