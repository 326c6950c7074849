"""SAML-01 to SAML-14 through the whole pipeline, with a misbehaving issuer of assertions."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.config.issuers import Issuer
from gateway.crypto import pki
from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import names
from gateway.record.people import Code, PatientId

S = f"{{{names.SAML}}}"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
Change = Callable[[etree._Element], None]


def ended(seconds: float) -> dict[str, object]:
    """An assertion whose NotOnOrAfter was so many seconds ago."""
    return {"now": datetime.now(UTC) - timedelta(seconds=300 + seconds), "life": 300}


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


def asserting(forge: Any, change: Change | None = None, **options: object) -> Any:
    return forge.query(assertion=forge.assertion(change, **options))


def test_a_good_assertion_is_accepted(forge: Any) -> None:
    found = forge.accepted(asserting(forge))
    assert "dr.weber" in found.audit[0].message


def test_saml_01_passed_by_61_seconds(forge: Any, words: Any) -> None:
    raw = asserting(forge, **ended(61))
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.login)


def test_saml_01_passed_by_59_seconds(forge: Any, words: Any) -> None:
    assert forge.accepted(asserting(forge, **ended(58))).kinds == [words.query(0)]


def test_saml_02_not_before_in_61_seconds(forge: Any, words: Any) -> None:
    at = datetime.now(UTC)
    raw = asserting(forge, now=at + timedelta(seconds=63))
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.login)
    forge.accepted(asserting(forge, now=at + timedelta(seconds=58)))


def test_saml_03_life_and_conditions(forge: Any, words: Any) -> None:
    longest = forge.house.settings.assertions.max_life_seconds
    forge.refused(asserting(forge, life=longest + 1), words.wsse("InvalidSecurityToken"), words.login)
    forge.accepted(asserting(forge, life=longest))
    raw = asserting(forge, without(f"{S}Conditions"))
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.login)


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
def test_saml_04_audience(forge: Any, words: Any, change: Change | None, options: dict[str, str]) -> None:
    raw = asserting(forge, change, **options)
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.login)


def test_saml_05_used_twice(forge: Any, words: Any) -> None:
    assertion = forge.assertion(one_time=True)
    forge.accepted(forge.query(assertion=assertion))
    forge.refused(forge.query(assertion=assertion), words.wsse("InvalidSecurityToken"), words.message)
    other = forge.provide(assertion=assertion)
    forge.refused(other, words.wsse("InvalidSecurityToken"), words.message)


def test_saml_05_without_the_condition_it_serves_again(forge: Any) -> None:
    assertion = forge.assertion()
    forge.accepted(forge.query(assertion=assertion))
    forge.accepted(forge.query(assertion=assertion))


def test_saml_05_the_same_message_on_a_second_node(forge: Any, words: Any) -> None:
    raw = forge.query(assertion=forge.assertion())
    with forge.under(forge.house.settings) as second:
        forge.accepted(raw)
        second.refused(raw, words.wsse("FailedCheck"), words.message)


def test_saml_05_one_time_use_on_a_second_node(forge: Any, words: Any) -> None:
    assertion = forge.assertion(one_time=True)
    with forge.under(forge.house.settings) as second:
        forge.accepted(forge.query(assertion=assertion))
        second.refused(second.query(assertion=assertion), words.wsse("InvalidSecurityToken"), words.message)


@pytest.fixture
def other_issuer(forge: Any, tmp_path: Path) -> Any:
    """A second issuer, trusted, with its signer; and the settings that trust both."""
    settings, now = forge.house.settings, datetime.now(UTC)
    authority = pki.create_authority("Another Authority", "integration", now)
    key = pki.create_key()
    certificate = pki.issue_signer(authority, "other issuer", key.public_key(), now)
    file = tmp_path / "other.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    issuer = Issuer(entity_id="urn:other-idp", certificate=file)
    told = replace(settings.assertions, issuers=(*settings.assertions.issuers, issuer))
    return Signer.of(key, certificate), replace(settings, assertions=told)


def test_saml_06_unknown_issuer(forge: Any, words: Any) -> None:
    raw = asserting(forge, issuer="urn:unknown-idp")
    forge.refused(raw, words.wsse("FailedAuthentication"), words.login)


def test_saml_06_signed_by_another_trusted_issuer(forge: Any, words: Any, other_issuer: Any) -> None:
    signer, settings = other_issuer
    with forge.under(settings) as both:
        both.accepted(asserting(both, signer=signer, issuer="urn:other-idp"))
        raw = asserting(both, signer=signer)
        both.refused(raw, words.wsse("FailedAuthentication"), words.login)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (without_attribute(ROLE), {}),
        (None, {"role": Code("221", "2.999.77", "Physician")}),
        (None, {"role": Code("nobody", "2.999.1", "Nobody")}),
        (without_attribute(PURPOSE), {}),
        (None, {"purpose": Code("SPY", "2.16.840.1.113883.5.8", "spying")}),
    ],
    ids=["no-role", "role-of-another-scheme", "unknown-role", "no-purpose", "unknown-purpose"],
)
def test_saml_07_role_and_purpose(
    forge: Any, words: Any, change: Change | None, options: dict[str, Code]
) -> None:
    raw = forge.query(assertion=coded(forge, change, **options))
    forge.refused(raw, words.wsse("FailedAuthentication"), words.login)


def coded(forge: Any, change: Change | None, **options: Code) -> bytes:
    """The role of an assertion is chosen by name; here its code is written over."""

    def both(root: etree._Element) -> None:
        if change is not None:
            change(root)
        for each in root.iter("{urn:hl7-org:v3}Role"):
            if "role" in options:
                each.set("code", options["role"].code)
                each.set("codeSystem", options["role"].scheme)

    rest = {name: value for name, value in options.items() if name != "role"}
    return bytes(forge.assertion(both, **rest))


def of_patient(forge: Any, identifier: str) -> PatientId:
    return PatientId(identifier, forge.house.settings.domain.affinity_oid)


@pytest.mark.parametrize("way", ["query", "provide"])
def test_saml_08_another_patient(forge: Any, words: Any, way: str) -> None:
    assertion = forge.assertion(patient=of_patient(forge, words.OTHER))
    told = words.query(8) if way == "query" else words.provided(8)
    raw = forge.query(assertion=assertion) if way == "query" else forge.provide(assertion=assertion)
    found = forge.refused(raw, words.wsse("FailedAuthentication"), told)
    assert 'csd-code="110147"' in found.audit[0].message, "the decision is inside the event"


def test_saml_08_the_same_patient(forge: Any, words: Any) -> None:
    forge.accepted(forge.query(assertion=forge.assertion(patient=of_patient(forge, words.PATIENT))))


def test_saml_09_held_by_another(forge: Any, words: Any) -> None:
    """Made for the key of another partner."""
    other = forge.house.partner("pharmacy", "pharmacist").identity.signer.certificate
    raw = asserting(forge, confirmation=other)
    forge.refused(raw, words.wsse("FailedAuthentication"), words.message)


def test_saml_10_bearer_of_a_professional(forge: Any, words: Any) -> None:
    raw = asserting(forge, confirmation=None)
    forge.refused(raw, words.wsse("FailedAuthentication"), words.login)


def test_saml_10_sender_vouches(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        confirmation = next(root.iter(f"{S}SubjectConfirmation"))
        confirmation.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")

    forge.refused(asserting(forge, change), words.wsse("FailedAuthentication"), words.login)


def with_name(text: bytes) -> Callable[[bytes], bytes]:
    return lambda assertion: assertion.replace(b">dr.weber<", b">" + text + b"<", 1)


def test_saml_11_a_comment_in_the_name(forge: Any, words: Any) -> None:
    """The comment is not signed: the digest passes over it."""
    assertion = with_name(b"dr.w<!-- -->eber")(forge.assertion())
    raw = forge.bent(forge.query(assertion=None), lambda root: add_token(root, assertion))
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.message)


def test_saml_11_cdata_in_the_name(forge: Any, words: Any) -> None:
    marked = forge.query(assertion=forge.assertion())
    raw = forge.changed(marked, b">dr.weber<", b"><![CDATA[dr.weber]]><")
    forge.refused(raw, words.wsse("InvalidSecurityToken"), words.message)


def add_token(root: etree._Element, token: bytes) -> None:
    root.find(f".//{names.SECURITY}").append(etree.fromstring(token))


def test_saml_12_unsigned_assertion_in_a_signed_message(forge: Any, words: Any) -> None:
    raw = forge.query(assertion=forge.assertion(signed=False))
    forge.refused(raw, words.wsse("FailedCheck"), words.message)


def test_saml_12_assertion_altered_after_signing(forge: Any, words: Any) -> None:
    raw = forge.query(assertion=with_name(b"dr.evil")(forge.assertion()))
    forge.refused(raw, words.wsse("FailedCheck"), words.message)


ENCRYPTED = f'<s:EncryptedAssertion xmlns:s="{names.SAML}"><x/></s:EncryptedAssertion>'.encode()


def test_saml_13_encrypted_assertion_in_an_unsigned_message(forge: Any, words: Any) -> None:
    raw = forge.query(assertion=forge.assertion(), signer=None)

    def change(root: etree._Element) -> None:
        security = root.find(f".//{names.SECURITY}")
        security.replace(security.find(names.ASSERTION), etree.fromstring(ENCRYPTED))

    forge.refused(forge.bent(raw, change), words.wsse("FailedCheck"), words.message)


def saml_11(_forge: Any) -> bytes:
    return f'<s:Assertion xmlns:s="{names.SAML_1}" MajorVersion="1" MinorVersion="1"/>'.encode()


def version_21(forge: Any) -> bytes:
    return bytes(forge.assertion(lambda root: root.set("Version", "2.1")))


@pytest.mark.parametrize("token", [lambda _: ENCRYPTED, saml_11, version_21], ids=["encrypted", "1.1", "2.1"])
def test_saml_14_tokens_that_are_not_supported(forge: Any, words: Any, token: Callable[[Any], bytes]) -> None:
    raw = forge.bent(forge.query(assertion=None), lambda root: add_token(root, token(forge)))
    forge.refused(raw, words.wsse("UnsupportedSecurityToken"), words.login)


def test_no_assertion_at_all(forge: Any, words: Any) -> None:
    forge.refused(forge.query(assertion=None), words.wsse("InvalidSecurity"), words.login)


def test_a_refusal_tells_nothing_of_the_assertion(forge: Any, words: Any) -> None:
    assertion = forge.assertion(**ended(61))
    found = forge.refused(forge.query(assertion=assertion), words.wsse("InvalidSecurityToken"), words.login)
    told = found.body + found.audit[0].message.encode()
    assert b"dr.weber" not in found.body
    assert b64decode(etree.fromstring(assertion).findtext(f".//{names.SIGNATURE_VALUE}")) not in told
