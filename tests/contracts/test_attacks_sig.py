"""SIG-01 to SIG-19 through the whole pipeline: messages of a signing partner, changed in one place."""

from __future__ import annotations

import copy
import hashlib
import hmac
import shutil
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.crypto import pki
from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import names

EXC = names.EXC_C14N.encode()
MORE = b"http://www.w3.org/2001/04/xmldsig-more#"
EXCLUSIVE = b'<ds:Transform Algorithm="%b"></ds:Transform>' % EXC


def body_of(root: etree._Element) -> etree._Element:
    return root.find(names.BODY)


def signature_of(root: etree._Element) -> etree._Element:
    return root.find(f".//{names.SECURITY}/{names.SIGNATURE}")


def security_of(root: etree._Element) -> etree._Element:
    return root.find(f".//{names.SECURITY}")


def forged_body(root: etree._Element, identifier: str | None) -> None:
    """A Body of the attacker's where the signed one stood."""
    old = body_of(root)
    body = etree.Element(names.BODY)
    for child in old:
        body.append(copy.deepcopy(child))
    for value in body.iter():
        if value.text and "CONTRACT-1" in value.text:
            value.text = value.text.replace("CONTRACT-1", "CONTRACT-2")
    if identifier is not None:
        body.set(names.WSU_ID, identifier)
    root.append(body)


def test_a_message_that_nobody_changed_is_accepted(forge: Any) -> None:
    forge.accepted(forge.query())


def test_sig_01_body_altered_by_one_character(forge: Any, words: Any) -> None:
    raw = forge.changed(forge.query(), b"CONTRACT-1", b"CONTRACT-2")
    forge.refused(raw, words.wsse("FailedCheck"), words.message)


def test_sig_01_document_altered_by_one_octet(forge: Any, words: Any) -> None:
    raw = forge.changed(forge.provide(), b"<ClinicalDocument/>", b"<ClinicalDocumens/>")
    forge.refused(raw, words.wsse("FailedCheck"), words.message)


def test_sig_02_signature_removed(forge: Any, words: Any) -> None:
    raw = forge.bent(forge.query(), lambda root: security_of(root).remove(signature_of(root)))
    forge.refused(raw, words.wsse("InvalidSecurity"), words.message)
    unsigned = forge.query(signer=None)
    forge.refused(unsigned, words.wsse("InvalidSecurity"), words.message)
    forge.refused(forge.provide(signer=None), words.wsse("InvalidSecurity"), words.message)


HEADERS = ("header-0", "header-1", "header-2", "header-3")


@pytest.mark.parametrize(
    "signed",
    [("timestamp",), ("timestamp", *HEADERS), ("body", *HEADERS), ("timestamp", "body", *HEADERS[:3])],
    ids=["timestamp-only", "all-but-body", "all-but-timestamp", "all-but-one-header"],
)
def test_sig_03_a_part_is_not_covered(forge: Any, words: Any, signed: tuple[str, ...]) -> None:
    forge.refused(forge.resigned(forge.query(), *signed), words.wsse("FailedCheck"), words.message)


def test_sig_03_all_parts_covered_is_accepted(forge: Any) -> None:
    forge.accepted(forge.resigned(forge.query(), "timestamp", "body", *HEADERS))


def test_sig_04_signed_body_under_an_unknown_header(forge: Any, words: Any) -> None:
    def wrap(root: etree._Element) -> None:
        signed = body_of(root)
        forged_body(root, None)
        etree.SubElement(root.find(names.HEADER), "{urn:u}Wrapper").append(signed)

    forge.refused(forge.bent(forge.query(), wrap), words.wsse("FailedCheck"), words.message)


def test_sig_05_signed_body_under_a_header_of_another_role(forge: Any, words: Any) -> None:
    def wrap(root: etree._Element) -> None:
        signed = body_of(root)
        forged_body(root, "body")
        block = etree.SubElement(root.find(names.HEADER), "{urn:u}Wrapper")
        block.set(f"{{{names.SOAP}}}role", f"{names.SOAP}/role/none")
        block.set(f"{{{names.SOAP}}}mustUnderstand", "0")
        block.append(signed)

    forge.refused(forge.bent(forge.query(), wrap), words.wsse("FailedCheck"), words.message)


# --- wrapping of the assertion, in a message that its sender signs validly ------------------------


def original(forge: Any) -> etree._Element:
    return etree.fromstring(forge.assertion())


def evil(forge: Any) -> etree._Element:
    """The attacker's own words: another person, no signature."""
    return etree.fromstring(forge.assertion(signed=False, subject="dr.evil", name="Dr Evil"))


def without_signature(assertion: etree._Element) -> tuple[etree._Element, etree._Element]:
    bare = copy.deepcopy(assertion)
    signature = bare.find(names.SIGNATURE)
    bare.remove(signature)
    return bare, signature


def carrying(forge: Any, *tokens: etree._Element) -> Any:
    """A message signed by its sender, with these in its security header beside the signature."""
    return forge.bent(
        forge.query(assertion=None), lambda root: [security_of(root).append(each) for each in tokens]
    )


def test_wrapping_starts_from_a_message_that_is_accepted(forge: Any) -> None:
    forge.accepted(carrying(forge, original(forge)))


def xsw1(forge: Any) -> list[etree._Element]:
    bare, signature = without_signature(original(forge))
    forged = evil(forge)
    signature.append(bare)
    forged.insert(1, signature)
    return [forged]


def xsw2(forge: Any) -> list[etree._Element]:
    bare, signature = without_signature(original(forge))
    forged = evil(forge)
    forged.insert(1, bare)
    forged.insert(2, signature)
    return [forged]


def xsw3(forge: Any) -> list[etree._Element]:
    return [evil(forge), original(forge)]


def xsw5(forge: Any) -> list[etree._Element]:
    bare, signature = without_signature(original(forge))
    forged = evil(forge)
    forged.insert(1, signature)
    return [forged, bare]


def xsw6(forge: Any) -> list[etree._Element]:
    bare, signature = without_signature(original(forge))
    forged = evil(forge)
    etree.SubElement(signature, f"{{{names.DS}}}Object").append(bare)
    forged.insert(1, signature)
    return [forged]


def xsw7(forge: Any) -> list[etree._Element]:
    whole, forged = original(forge), evil(forge)
    forged.set("ID", whole.get("ID"))
    extensions = etree.Element("{urn:oasis:names:tc:SAML:2.0:protocol}Extensions")
    extensions.append(forged)
    return [extensions, whole]


def same_id(forge: Any) -> list[etree._Element]:
    """As XSW1, the forged one under the ID that the signature names."""
    tokens = xsw1(forge)
    tokens[0].set("ID", tokens[0].find(f".//{names.ASSERTION}").get("ID"))
    return tokens


WRAPPINGS = {
    "sig_06_xsw1": xsw1,
    "sig_06_xsw1_same_id": same_id,
    "sig_07_xsw2": xsw2,
    "sig_08_xsw3": xsw3,
    "sig_09_xsw5": xsw5,
    "sig_10_xsw6": xsw6,
    "sig_11_xsw7": xsw7,
}


@pytest.mark.parametrize("name", WRAPPINGS)
def test_sig_06_to_11_wrapped_assertions(forge: Any, words: Any, name: str) -> None:
    found = forge.refused(carrying(forge, *WRAPPINGS[name](forge)), words.wsse("FailedCheck"), words.message)
    assert "dr.evil" not in found.audit[0].message


# --- algorithms, references, keys -----------------------------------------------------------------


def within_signature(forge: Any, old: bytes, new: bytes) -> Any:
    """A replacement inside the message signature, which stands before the assertion."""
    raw = forge.query()
    head, mark, rest = raw.body.partition(b"<ds:Signature ")
    assert old in rest.partition(b"</ds:Signature>")[0]
    return replace(raw, body=head + mark + rest.replace(old, new, 1))


def test_sig_12_hmac_with_the_certificate_as_secret(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        signature = signature_of(root)
        info = signature.find(names.SIGNED_INFO)
        info.find(names.SIGNATURE_METHOD).set("Algorithm", f"{MORE.decode()}hmac-sha256")
        secret = forge.acting.identity.signer.certificate
        text = etree.tostring(info, method="c14n", exclusive=True)
        value = hmac.new(secret, text, hashlib.sha256).digest()
        signature.find(names.SIGNATURE_VALUE).text = b64encode(value).decode()

    forge.refused(forge.bent(forge.query(), change), words.wsse("UnsupportedAlgorithm"), words.message)


def method(uri: bytes) -> tuple[bytes, bytes]:
    return MORE + b"ecdsa-sha256", uri


WEAK = {
    "13-rsa-sha1": method(b"http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
    "13-ecdsa-sha1": method(MORE + b"ecdsa-sha1"),
    "13-digest-sha1": (names.SHA256.encode(), b"http://www.w3.org/2000/09/xmldsig#sha1"),
    "14-inclusive": (EXC, b"http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    "14-with-comments": (EXC, EXC + b"WithComments"),
    "14-unknown": (EXC, b"urn:c14n"),
    "14-inclusive-transform": (
        EXCLUSIVE,
        b'<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:Transform>',
    ),
    "15-xslt": (
        EXCLUSIVE,
        b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><x:stylesheet '
        b'xmlns:x="http://www.w3.org/1999/XSL/Transform" version="1.0"/></ds:Transform>' + EXCLUSIVE,
    ),
    "15-xpath": (
        EXCLUSIVE,
        b'<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>'
        b"ancestor-or-self::e:Header</ds:XPath></ds:Transform>" + EXCLUSIVE,
    ),
    "15-enveloped": (
        EXCLUSIVE,
        b'<ds:Transform Algorithm="%b"></ds:Transform>' % names.ENVELOPED.encode() + EXCLUSIVE,
    ),
}


@pytest.mark.parametrize("name", WEAK)
def test_sig_13_to_15_weak_algorithms(forge: Any, words: Any, name: str) -> None:
    raw = within_signature(forge, *WEAK[name])
    forge.refused(raw, words.wsse("UnsupportedAlgorithm"), words.message)


@pytest.mark.parametrize(
    "uri", [b"http://127.0.0.1:9/x", b"file:///etc/hostname", b"", b"#absent", b"#xpointer(/)", b"cid:x"]
)
def test_sig_16_references_elsewhere(forge: Any, words: Any, uri: bytes) -> None:
    raw = within_signature(forge, b'URI="#body"', b'URI="%b"' % uri)
    forge.refused(raw, words.wsse("FailedCheck"), words.message)


def stranger() -> Any:
    """A signer whose certificate comes from an authority of the attacker's, under the node's name."""
    now = datetime.now(UTC)
    authority = pki.create_authority("Passerelle Test Authority", "integration", now)
    key = pki.create_key()
    return Signer.of(key, pki.issue_client(authority, "hospital", "Test Hospital", key.public_key(), now))


def test_sig_17_the_attackers_certificate(forge: Any, words: Any) -> None:
    forge.refused(forge.query(signer=stranger()), words.wsse("FailedAuthentication"), words.message)


def test_sig_17_another_partners_certificate(forge: Any, words: Any) -> None:
    """Enrolled, but not the one that came through TLS."""
    other = forge.house.partner("pharmacy", "pharmacist").identity.signer
    forge.refused(forge.query(signer=other), words.wsse("FailedAuthentication"), words.message)


def test_sig_17_only_a_key_value(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        info = signature_of(root).find(names.KEY_INFO)
        info.clear()
        etree.SubElement(info, f"{{{names.DS}}}KeyValue")

    forge.refused(forge.bent(forge.query(), change), words.wsse("FailedAuthentication"), words.message)


def test_sig_18_signer_certificate_expired(forge: Any, words: Any, tmp_path: Path) -> None:
    """A second certificate of the node, for signatures only, that ended yesterday."""
    settings, now = forge.house.settings, datetime.now(UTC)
    authority = pki.load_authority(
        settings.folder / "pki/authority.pem", settings.folder / "pki/authority.key", "integration"
    )
    key = pki.create_key()
    old = now - pki.CERTIFICATE_LIFE - timedelta(days=1)
    certificate = pki.issue_client(authority, "hospital", "Test Hospital", key.public_key(), old)
    folder = tmp_path / "nodes"
    shutil.copytree(settings.nodes.directory, folder)
    with (folder / "hospital.pem").open("ab") as file:
        file.write(certificate.public_bytes(Encoding.PEM))
    changed = replace(settings, nodes=replace(settings.nodes, directory=folder))
    with forge.under(changed) as other:
        raw = forge.query(signer=Signer.of(key, certificate))
        other.refused(raw, words.wsse("FailedAuthentication"), words.message)
        other.accepted(forge.query())


def test_sig_18_signer_certificate_revoked(forge: Any, words: Any, tmp_path: Path) -> None:
    """A second certificate of the node, for signatures only, that TLS never sees."""
    settings, now = forge.house.settings, datetime.now(UTC)
    authority = pki.load_authority(
        settings.folder / "pki/authority.pem", settings.folder / "pki/authority.key", "integration"
    )
    key = pki.create_key()
    certificate = pki.issue_client(authority, "hospital", "Test Hospital", key.public_key(), now)
    folder, crl = tmp_path / "nodes", tmp_path / "crl.pem"
    shutil.copytree(settings.nodes.directory, folder)
    with (folder / "hospital.pem").open("ab") as file:
        file.write(certificate.public_bytes(Encoding.PEM))
    pki.write_pem(crl, pki.empty_crl(authority, now))
    changed = replace(
        settings,
        nodes=replace(settings.nodes, directory=folder),
        tls=replace(settings.tls, crl=crl),
    )
    with forge.under(changed) as other:
        other.accepted(forge.query(signer=Signer.of(key, certificate)))
    pki.write_pem(crl, pki.revoke(authority, pki.empty_crl(authority, now), certificate.serial_number, now))
    with forge.under(changed) as other:
        raw = forge.query(signer=Signer.of(key, certificate))
        other.refused(raw, words.wsse("FailedAuthentication"), words.message)


def test_sig_19_two_signatures(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        second = etree.fromstring(forge.resigned(forge.query(), "timestamp").body)
        signature_of(root).addprevious(signature_of(second))

    forge.refused(forge.bent(forge.query(), change), words.wsse("InvalidSecurity"), words.message)


def test_signature_value_of_another_message(forge: Any, words: Any) -> None:
    def change(root: etree._Element) -> None:
        value = signature_of(root).find(names.SIGNATURE_VALUE)
        octets = bytearray(b64decode(value.text))
        octets[-1] ^= 1
        value.text = b64encode(bytes(octets)).decode()

    forge.refused(forge.bent(forge.query(), change), words.wsse("FailedCheck"), words.message)
