from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from lxml import etree

from gateway.client.token import issue_assertion
from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names, sign_assertion
from gateway.identity.saml import AssertionPolicy, read_assertion
from gateway.record.people import Code

S = f"{{{names.SAML}}}"
PAT = Code("PAT", "2.16.840.1.113883.5.111")
DOCTOR, TREATMENT = Code("221", "2.999.1", "Physician"), Code("TREAT", "2.999.2", "")


@pytest.fixture
def issued(identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    """issued(change, **options): an assertion; `change` alters the tree before it is signed."""

    def make(change: Callable[..., Any] | None = None, *, signer: str | None = None, **options: Any) -> Any:
        defaults = {
            "issuer": "urn:idp",
            "subject": "dr-1",
            "name": "Dr. One",
            "role": DOCTOR,
            "organisation": "2.999.7",
            "organisation_name": "Hospital",
            "purpose": TREATMENT,
            "audience": "urn:gateway",
            "patient": None,
            "confirmation": identity().der,
            "now": now,
        }
        issuer = signer or identity("p256", "issuer").signer
        root = parse(issue_assertion(signer=issuer, **{**defaults, **options}))
        if change is None:
            return root
        root.remove(root.find(names.SIGNATURE))
        change(root)
        return parse(sign_assertion(parse(etree.tostring(root)), issuer))

    return make


@pytest.fixture
def policy(identity: Callable[..., Any]) -> AssertionPolicy:
    return AssertionPolicy(
        audiences=frozenset({"urn:gateway"}),
        issuers={
            "urn:idp": (identity("p256", "issuer").certificate,),
            "urn:other-idp": (identity("p256", "other issuer").key.public_key(),),
        },
    )


@pytest.fixture
def read(identity: Callable[..., Any], now: datetime, policy: AssertionPolicy) -> Callable[..., Any]:
    def run(root: etree._Element, **changes: Any) -> Any:
        options = {
            "policy": policy,
            "now": now,
            "tls_certificate": identity().der,
            "signing_certificate": None,
            "bearer_allowed": False,
        }
        return read_assertion(root, **{**options, **changes})

    return run


def restricted(policy: AssertionPolicy, **changes: Any) -> AssertionPolicy:
    fields = ("audiences", "issuers", "roles", "purposes", "authn_classes", "recipients")
    return AssertionPolicy(**{**{name: getattr(policy, name) for name in fields}, **changes})


def setting(path: Any, **attributes: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        root.find(path).attrib.update(attributes)

    return change


def without(path: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        element.getparent().remove(element)

    return change


def attribute(root: etree._Element, name: str) -> etree._Element:
    (found,) = [a for a in root.iter(f"{S}Attribute") if a.get("Name") == name]
    return found


def dropping(name: str) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        found = attribute(root, name)
        found.getparent().remove(found)

    return change


def adding(name: str, *values: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        found = etree.SubElement(root.find(f"{S}AttributeStatement"), f"{S}Attribute", Name=name)
        for value in values:
            child = etree.SubElement(found, f"{S}AttributeValue")
            if isinstance(value, str):
                child.text = value
            else:
                child.append(value)

    return change


def second_restriction(*audiences: Any) -> Callable[[etree._Element], None]:
    def change(root: etree._Element) -> None:
        restriction = etree.SubElement(root.find(f"{S}Conditions"), f"{S}AudienceRestriction")
        for audience in audiences:
            etree.SubElement(restriction, f"{S}Audience").text = audience

    return change


def key_value(one: Any) -> etree._Element:
    key, dsig11 = one.key.public_key(), "http://www.w3.org/2009/xmldsig11#"
    info = etree.Element(names.KEY_INFO)
    value = etree.SubElement(info, f"{{{names.DS}}}KeyValue")
    if hasattr(key.public_numbers(), "n"):
        rsa = etree.SubElement(value, f"{{{names.DS}}}RSAKeyValue")
        for name, number in (("Modulus", key.public_numbers().n), ("Exponent", key.public_numbers().e)):
            octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
            etree.SubElement(rsa, f"{{{names.DS}}}{name}").text = b64encode(octets).decode()
    else:
        ec = etree.SubElement(value, f"{{{dsig11}}}ECKeyValue")
        etree.SubElement(ec, f"{{{dsig11}}}NamedCurve", URI="urn:oid:1.2.840.10045.3.1.7")
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        etree.SubElement(ec, f"{{{dsig11}}}PublicKey").text = b64encode(point).decode()
    return info


@pytest.fixture
def shape() -> SimpleNamespace:
    """The changes above, by name."""
    return SimpleNamespace(
        restricted=restricted,
        setting=setting,
        without=without,
        attribute=attribute,
        dropping=dropping,
        adding=adding,
        second_restriction=second_restriction,
        key_value=key_value,
    )
