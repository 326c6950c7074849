"""SAML-01 to SAML-14 over the sockets of a running server, by SOAP and by FHIR (STD-21 to STD-25)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway.cli.compose import catalogue
from gateway.crypto import pki
from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import names
from gateway.record.people import Code, PatientId

S = f"{{{names.SAML}}}"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
QUERY = "ITI-18"
Wire, Change = Any, Callable[[etree._Element], None]
INVALID, FAILED, CHECK, UNSUPPORTED = (
    "InvalidSecurityToken",
    "FailedAuthentication",
    "FailedCheck",
    "UnsupportedSecurityToken",
)


def by_fhir(wire: Wire, assertion: bytes, **how: Any) -> Any:
    token = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
    return wire.fhir(token, **how)


@pytest.fixture
def refused(wire: Wire) -> Callable[..., None]:
    """The assertion is refused with this fault and one audit row, by SOAP, and by FHIR with 401."""

    def check(assertion: bytes, subcode: str, told: tuple[str, str, int], *, fhir: bool = True) -> None:
        found = wire.query_documents(assertion)
        assert (found.status, found.fault) == (400, f"wsse:{subcode}"), found.body
        assert found.audit == [told]
        if fhir:
            again = by_fhir(wire, assertion)
            assert (again.status, again.error) == (401, "invalid_token"), again.body
            assert again.audit == [told]
        wire.check_log()

    return check


def without(path: str) -> Change:
    def change(root: etree._Element) -> None:
        element = root.find(path)
        element.getparent().remove(element)

    return change


def without_attribute(name: str) -> Change:
    def change(root: etree._Element) -> None:
        (found,) = [each for each in root.iter(f"{S}Attribute") if each.get("Name") == name]
        found.getparent().remove(found)

    return change


def test_a_good_assertion_is_accepted(wire: Wire) -> None:
    found = wire.query_documents(wire.assertion())
    assert (found.status, found.audit) == (200, [("110112", QUERY, 0)])
    assert b"ExtrinsicObject" in found.body
    assert (by_fhir(wire, wire.assertion()).total) == 1


def test_saml_01_ended(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    now = datetime.now(UTC)
    refused(wire.assertion(now=now - timedelta(seconds=362)), INVALID, tools.login)
    late = wire.assertion(now=now - timedelta(seconds=355))
    assert wire.query_documents(late).status == 200
    assert by_fhir(wire, late).status == 200


def test_saml_02_not_yet(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(now=datetime.now(UTC) + timedelta(seconds=70)), INVALID, tools.login)


def test_saml_03_life(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(life=601), INVALID, tools.login)
    refused(wire.assertion(without(f"{S}Conditions")), INVALID, tools.login)


def second_audience(root: etree._Element) -> None:
    restriction = etree.SubElement(root.find(f"{S}Conditions"), f"{S}AudienceRestriction")
    etree.SubElement(restriction, f"{S}Audience").text = "https://other.example"


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (None, {"audience": "https://other.example"}),
        (without(f"{S}Conditions/{S}AudienceRestriction"), {}),
        (second_audience, {}),
    ],
    ids=["another", "none", "two"],
)
def test_saml_04_audience(
    wire: Wire, refused: Any, tools: SimpleNamespace, change: Change | None, options: dict[str, str]
) -> None:
    refused(wire.assertion(change, **options), INVALID, tools.login)


def test_saml_05_used_twice(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    once = wire.assertion(one_time=True)
    assert wire.query_documents(once).status == 200
    refused(once, INVALID, tools.message)
    often = wire.assertion(proxied)
    assert [wire.query_documents(often).status for _ in range(2)] == [200, 200]


def proxied(root: etree._Element) -> None:
    """ProxyRestriction is for those who issue assertions from this one."""
    etree.SubElement(root.find(f"{S}Conditions"), f"{S}ProxyRestriction", Count="0")


def test_saml_06_issuers(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(issuer="urn:unknown-idp"), FAILED, tools.login)
    key, now = pki.create_key(), datetime.now(UTC)
    authority = pki.create_authority("Another Authority", "integration", now)
    other = Signer.of(key, pki.issue_signer(authority, "other issuer", key.public_key(), now))
    refused(wire.assertion(signer=other), FAILED, tools.login)


def role_code(code: str, scheme: str) -> Change:
    def change(root: etree._Element) -> None:
        for each in root.iter("{urn:hl7-org:v3}Role"):
            each.set("code", code)
            each.set("codeSystem", scheme)

    return change


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (without_attribute(ROLE), {}),
        (role_code("nobody", "2.999.1.1"), {}),
        (role_code("PHYSICIAN", "2.999.77"), {}),
        (without_attribute(PURPOSE), {}),
        (None, {"purpose": Code("SPY", "2.16.840.1.113883.5.8", "spying")}),
    ],
    ids=["no-role", "unknown-role", "role-of-another-scheme", "no-purpose", "unknown-purpose"],
)
def test_saml_07_role_and_purpose(
    wire: Wire, refused: Any, tools: SimpleNamespace, change: Change | None, options: dict[str, Code]
) -> None:
    refused(wire.assertion(change, **options), FAILED, tools.login)


def test_saml_08_another_patient(wire: Wire, tools: SimpleNamespace) -> None:
    root = wire.settings.domain.affinity_oid
    other = wire.assertion(patient=PatientId(tools.OTHER, root))
    found = wire.query_documents(other)
    assert (found.status, found.fault, found.audit) == (400, f"wsse:{FAILED}", [("110112", QUERY, 8)])
    assert 'csd-code="110147"' in found.messages[0]
    again = by_fhir(wire, other)
    assert (again.status, again.audit) == (403, [tools.query(8)])
    assert 'csd-code="110147"' in again.messages[0]
    assert wire.query_documents(wire.assertion(patient=PatientId(tools.PATIENT, root))).status == 200


def test_saml_09_held_by_another(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(confirmation=wire.certificate("pharmacy")), FAILED, tools.message)


def test_saml_10_bearer_and_sender_vouches(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(confirmation=None), FAILED, tools.login)

    def vouched(root: etree._Element) -> None:
        method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"
        next(root.iter(f"{S}SubjectConfirmation")).set("Method", method)

    refused(wire.assertion(vouched), FAILED, tools.login)


@pytest.mark.parametrize("text", [b"dr.w<!-- -->eber", b"<![CDATA[dr.weber]]>"], ids=["comment", "cdata"])
def test_saml_11_two_readers_of_the_name(wire: Wire, tools: SimpleNamespace, text: bytes) -> None:
    """Neither changes the digest, so both are put in after signing."""
    good = wire.assertion()

    def spoilt(octets: bytes) -> bytes:
        return octets.replace(b">dr.weber<", b">" + text + b"<", 1)

    found = wire.query_documents(good, octets=spoilt)
    assert (found.status, found.fault) == (400, f"wsse:{INVALID}"), found.body
    assert found.audit == [tools.message]
    again = by_fhir(wire, spoilt(good))
    assert (again.status, again.audit) == (401, [tools.message])


def test_saml_12_nobody_signed_it(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    refused(wire.assertion(signed=False), CHECK, tools.message)
    altered = wire.assertion().replace(b">dr.weber<", b">dr.evil<", 1)
    refused(altered, CHECK, tools.message)


ENCRYPTED = f'<s:EncryptedAssertion xmlns:s="{names.SAML}"><x></x></s:EncryptedAssertion>'.encode()


def add(token: bytes) -> Change:
    def change(root: etree._Element) -> None:
        root.find(f".//{names.SECURITY}").append(etree.fromstring(token))

    return change


def test_saml_13_encrypted_in_an_unsigned_message(wire: Wire, tools: SimpleNamespace) -> None:
    """As a node that need not sign; `test_issuers` has the one that decrypts."""

    def swapped(root: etree._Element) -> None:
        security = root.find(f".//{names.SECURITY}")
        security.replace(security.find(names.ASSERTION), etree.fromstring(ENCRYPTED))

    for partner in ("hospital", "tester"):
        found = wire.query_documents(wire.assertion(), partner=partner, signer=None, change=swapped)
        assert (found.status, found.fault) == (400, f"wsse:{CHECK}"), found.body
        assert found.audit == [tools.message]


@pytest.mark.parametrize("kind", ["1.1", "2.1", "encrypted"])
def test_saml_14_not_supported(wire: Wire, tools: SimpleNamespace, kind: str) -> None:
    first = f'<s:Assertion xmlns:s="{names.SAML_1}" MajorVersion="1" MinorVersion="1"/>'.encode()
    token = {
        "1.1": first,
        "2.1": wire.assertion(lambda root: root.set("Version", "2.1")),
        "encrypted": ENCRYPTED,
    }[kind]
    found = wire.query_documents(None, change=add(token))
    assert (found.status, found.fault) == (400, f"wsse:{UNSUPPORTED}"), found.body
    assert found.audit == [tools.login]
    again = by_fhir(wire, token)
    assert (again.status, again.error, again.audit) == (401, "invalid_token", [tools.login])


def on_behalf(root: etree._Element) -> None:
    attribute = etree.SubElement(root.find(f"{S}AttributeStatement"), f"{S}Attribute", Name="urn:other")
    etree.SubElement(attribute, f"{S}AttributeValue").text = "passed over"
    etree.SubElement(root, f"{S}AttributeStatement")


def test_unknown_attributes_and_repeated_statements_are_passed_over(wire: Wire) -> None:
    assert wire.query_documents(wire.assertion(on_behalf)).status == 200


def test_recipient(wire: Wire, refused: Any, tools: SimpleNamespace) -> None:
    def sent_to(name: str) -> Change:
        def change(root: etree._Element) -> None:
            next(root.iter(f"{S}SubjectConfirmationData")).set("Recipient", name)

        return change

    refused(wire.assertion(sent_to("https://other.example")), FAILED, tools.login)
    assert wire.query_documents(wire.assertion(sent_to(wire.url))).status == 200


PORTS = [
    pytest.param(path, transaction.binding.action, id=f"{transaction.code}-{number}")
    for path, transactions in catalogue().soap_ports().items()
    for number, transaction in enumerate(transactions)
    if not transaction.logs_in
]
"""All but the assertion provider's own, where an assertion is a login."""


@pytest.mark.parametrize(("path", "action"), PORTS)
def test_every_soap_endpoint_reads_assertions(
    wire: Wire, tools: SimpleNamespace, path: str, action: str
) -> None:
    """The user is identified before the Body is read, so any Body serves."""
    expired = wire.assertion(now=datetime.now(UTC) - timedelta(seconds=400), partner="tester")
    found = wire.soap(path, action, b'<x xmlns="urn:x"></x>', partner="tester", assertion=expired)
    assert (found.status, found.fault) == (400, f"wsse:{INVALID}"), found.body
    assert found.audit == [tools.login]
