"""Claims of a RequestSecurityToken: SAML attributes, or claim types of XSPA and the identity profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lxml import etree

from gateway.crypto.safexml import text_of
from gateway.errors import Malformed
from gateway.record.people import Code
from gateway.tokens import names
from gateway.tokens.asked import Asked, patient_of, plain_oid, refused_scope
from profiles.xua.codes import SAML_NAMESPACE

_ATTRIBUTE, _VALUE = f"{{{SAML_NAMESPACE}}}Attribute", f"{{{SAML_NAMESPACE}}}AttributeValue"
_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        names.ROLE: "role",
        names.PURPOSE: "purpose",
        names.PATIENT: "patient",
        "urn:oasis:names:tc:xacml:1.0:resource:resource-id": "patient",
        names.ORGANISATION_ID: "organisation",
        names.EMERGENCY_REASON: "emergency_reason",
        names.ON_BEHALF_OF: "on_behalf_of",
    }
)
"""What is read; names, communities and others stand in the directory and are passed over."""


def read_claims(claims: etree._Element | None) -> Asked:
    """What is asked for; Refused (SCOPE_REFUSED) for a claim that stands twice or cannot be read."""
    found: dict[str, Any] = {}
    for name, value in _claims(claims):
        field = _FIELDS.get(name)
        if field is None:
            continue
        if field in found:
            raise refused_scope("a claim with one value stands twice", name)
        found[field] = _read(field, value)
    return Asked(**found)


def _claims(claims: etree._Element | None) -> Iterator[tuple[str, etree._Element]]:
    """Name and value of each claim, whichever way it is written."""
    for claim in claims.iterchildren("*") if claims is not None else ():
        if claim.tag == _ATTRIBUTE:
            values = list(claim.iterchildren(_VALUE))
            yield from ((claim.get("Name", ""), value) for value in values)
        elif etree.QName(claim).localname == "ClaimType":
            held = list(claim.iterchildren("{*}ClaimValue", "{*}Value"))
            yield claim.get("Uri", ""), held[0] if held else claim


def _read(field: str, value: etree._Element) -> object:
    if field in {"role", "purpose"}:
        return _code(value)
    text = _text(value)
    if field == "patient":
        return patient_of(text)
    return _organisation(text) if field == "organisation" else text


def _code(value: etree._Element) -> Code:
    """A coded value of HL7 V3, as child or on the value itself."""
    elements = [child for child in value if isinstance(child.tag, str)]
    source = elements[0] if len(elements) == 1 else value
    code, scheme = source.get("code", "").strip(), source.get("codeSystem", "").strip()
    if not code or not scheme:
        raise refused_scope("a role or purpose of use without code and codeSystem", "Claims")
    return Code(code, plain_oid(scheme), source.get("displayName", ""))


def _organisation(text: str) -> str:
    """An OID or URI; of an XON its tenth component."""
    return plain_oid(text.rpartition("^")[2])


def _text(value: etree._Element) -> str:
    try:
        text = text_of(value).strip()
    except Malformed as error:
        raise refused_scope("a claim that is no plain text", "Claims") from error
    if not text:
        raise refused_scope("a claim without a value", "Claims")
    return text
