from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.safexml import parse
from gateway.crypto.xmldsig import names
from gateway.errors import (
    AlgorithmRefused,
    SignatureBroken,
    SignerRefused,
    TokenInvalid,
    TokenUnsupported,
)
from gateway.identity.saml import AssertionPolicy, AssertionReader
from gateway.record.people import Code

S = f"{{{names.SAML}}}"
PAT = Code("PAT", "2.16.840.1.113883.5.111")


@pytest.fixture
def reader(policy: AssertionPolicy) -> AssertionReader:
    return AssertionReader(policy, remembered=3)


@pytest.fixture
def ask(reader: AssertionReader, identity: Callable[..., Any], now: datetime) -> Callable[..., Any]:
    def run(root: etree._Element, **changes: Any) -> Any:
        options = {
            "now": now,
            "tls_certificate": identity().der,
            "signing_certificate": None,
            "bearer_allowed": False,
        }
        return reader.read(root, **{**options, **changes})

    return run


@pytest.mark.parametrize("kind", ["rsa3072", "p384", "ed25519"])
def test_issuers_with_other_keys(
    shape: SimpleNamespace,
    identity: Callable[..., Any],
    issued: Callable[..., Any],
    read: Callable[..., Any],
    policy: AssertionPolicy,
    kind: str,
) -> None:
    issuer = identity(kind, "issuer")
    root = issued(signer=issuer.signer)
    assert (
        read(root, policy=shape.restricted(policy, issuers={"urn:idp": (issuer.certificate,)})).subject
        == "dr-1"
    )


def test_saml_06_unknown_issuer(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignerRefused):
        read(issued(issuer="urn:nobody"))


@pytest.mark.parametrize("hint", [True, False])
def test_saml_06_signed_by_another_trusted_issuer(
    identity: Callable[..., Any], issued: Callable[..., Any], read: Callable[..., Any], *, hint: bool
) -> None:
    root = issued(signer=identity("p256", "other issuer").signer)
    if not hint:
        info = next(root.find(names.SIGNATURE).iter(names.KEY_INFO))
        info.getparent().remove(info)
    with pytest.raises(SignerRefused):
        read(root)


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("bob@evil", b"bob<!-- -->@evil"),
        ("bob@evil", b"bob<![CDATA[@evil]]>"),
        ("bob@evil", b"<![CDATA[bob]]>@evil"),
        ("bob", b"<![CDATA[bob]]>"),
    ],
)
def test_saml_11_name_id_with_comment_or_cdata(
    issued: Callable[..., Any], read: Callable[..., Any], name: str, wire: bytes
) -> None:
    text = etree.tostring(issued(subject=name))
    assert read(parse(text)).subject == name
    with pytest.raises(TokenInvalid):
        read(parse(text.replace(f">{name}<".encode(), b">" + wire + b"<")))


def test_saml_11_name_id_without_text(
    shape: SimpleNamespace, issued: Callable[..., Any], read: Callable[..., Any]
) -> None:
    with pytest.raises(TokenInvalid):
        read(issued(subject=" "))
    with pytest.raises(TokenInvalid):
        read(issued(lambda root: etree.SubElement(root.find(f"{S}Subject/{S}NameID"), "x")))
    with pytest.raises(TokenInvalid):
        read(issued(shape.without(f"{S}Subject/{S}NameID")))


def test_saml_11_a_comment_added_to_what_is_remembered(
    issued: Callable[..., Any], now: datetime, policy: AssertionPolicy, identity: Callable[..., Any]
) -> None:
    reader = AssertionReader(policy)
    options = {
        "now": now,
        "tls_certificate": identity().der,
        "signing_certificate": None,
        "bearer_allowed": False,
    }
    text = etree.tostring(issued())
    assert reader.read(parse(text), **options).subject == "dr-1"
    with pytest.raises(TokenInvalid):
        reader.read(parse(text.replace(b">dr-1<", b">dr<!-- -->-1<")), **options)


def test_saml_12_unsigned(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    root = issued()
    root.remove(root.find(names.SIGNATURE))
    with pytest.raises(SignatureBroken):
        read(root)


def test_sig_01_an_altered_assertion(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken):
        read(parse(etree.tostring(issued()).replace(b">dr-1<", b">dr-2<")))


def test_sig_13_a_weak_signature(issued: Callable[..., Any], read: Callable[..., Any]) -> None:
    root = issued()
    next(root.iter(names.SIGNATURE_METHOD)).set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")
    with pytest.raises(AlgorithmRefused):
        read(root)


@pytest.mark.parametrize("version", ["2.1", "1.1", "", None])
def test_saml_14_another_version(
    issued: Callable[..., Any], read: Callable[..., Any], version: str | None
) -> None:
    root = issued()
    if version is None:
        del root.attrib["Version"]
    else:
        root.set("Version", version)
    with pytest.raises(TokenUnsupported):
        read(root)


@pytest.mark.parametrize("name", [f"{S}EncryptedAssertion", f"{{{names.SAML_1}}}Assertion", "x"])
def test_saml_14_another_token(read: Callable[..., Any], name: str) -> None:
    with pytest.raises(TokenUnsupported):
        read(etree.Element(name, Version="2.0"))


def test_remembered_assertions_are_checked_again(
    identity: Callable[..., Any], issued: Callable[..., Any], ask: Callable[..., Any], now: datetime
) -> None:
    root = issued()
    first = ask(root)
    assert ask(root) == first
    with pytest.raises(TokenInvalid):
        ask(root, now=now + timedelta(seconds=361))
    with pytest.raises(TokenInvalid):
        ask(root, now=now - timedelta(seconds=61))
    with pytest.raises(SignerRefused):
        ask(root, tls_certificate=identity("p256", "attacker").der)
    assert ask(root) == first


def test_a_broken_signature_is_not_remembered(issued: Callable[..., Any], ask: Callable[..., Any]) -> None:
    root = parse(etree.tostring(issued()).replace(b">dr-1<", b">dr-2<"))
    for _ in range(2):
        with pytest.raises(SignatureBroken):
            ask(root)


def test_an_altered_copy_of_a_remembered_one(issued: Callable[..., Any], ask: Callable[..., Any]) -> None:
    root = issued()
    ask(root)
    with pytest.raises(SignatureBroken):
        ask(parse(etree.tostring(root).replace(b">dr-1<", b">dr-2<")))


def test_memory_is_bounded(
    issued: Callable[..., Any], reader: AssertionReader, ask: Callable[..., Any]
) -> None:
    for _ in range(5):
        ask(issued())
    assert len(reader._statements) == 3


def test_a_pinned_key_must_be_strong(
    shape: SimpleNamespace, identity: Callable[..., Any], policy: AssertionPolicy
) -> None:
    with pytest.raises(AlgorithmRefused):
        AssertionReader(shape.restricted(policy, issuers={"urn:idp": (identity("rsa2048").certificate,)}))
