"""SAML metadata: which keys count for whom, and how long."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from lxml import etree

from gateway.crypto.xmldsig import DEFAULT_POLICY, c14n, names
from gateway.crypto.xmldsig.signature import ENVELOPED_TRANSFORMS, reference_xml, signature_xml
from gateway.errors import SettingsInvalid
from gateway.identity.issuers.metadata import read_metadata

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
IDP = "urn:idp"
Identity = Callable[..., Any]


def key(identity: Any, use: str = ' use="signing"') -> str:
    data = b64encode(identity.der).decode()
    return (
        f'<md:KeyDescriptor{use}><ds:KeyInfo xmlns:ds="{names.DS}"><ds:X509Data><ds:X509Certificate>{data}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


def entity(
    *keys: str, name: str = IDP, more: str = "", protocol: str = "urn:oasis:names:tc:SAML:2.0:protocol"
) -> str:
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" ID="_1" entityID="{name}"{more}>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{protocol}">{"".join(keys)}</md:IDPSSODescriptor>'
        "</md:EntityDescriptor>"
    )


def read(text: str | bytes, *signers: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    return read_metadata(data, IDP, [each.certificate for each in signers], DEFAULT_POLICY)


def signed(text: str, identity: Any) -> bytes:
    root = etree.fromstring(text)
    reference = reference_xml("_1", sha256(c14n(root)).digest(), ENVELOPED_TRANSFORMS)
    info = b"<ds:X509Data></ds:X509Data>"
    root.insert(0, etree.fromstring(signature_xml([reference], info, identity.signer)))
    return etree.tostring(root)


def test_several_keys(identity: Identity) -> None:
    first, second = identity("p256", "first"), identity("p256", "second")
    found = read(entity(key(first), key(second, ""), key(first)))
    assert len(found.keys) == 2, "each once; without a use a key is for all"
    assert found.until is None


def test_keys_for_encryption_count_nothing(identity: Identity) -> None:
    with pytest.raises(SettingsInvalid, match="no signing key"):
        read(entity(key(identity("p256", "first"), ' use="encryption"')))


def test_another_protocol_and_no_provider(identity: Identity) -> None:
    first = key(identity("p256", "first"))
    with pytest.raises(SettingsInvalid, match="no signing key"):
        read(entity(first, protocol="urn:oasis:names:tc:SAML:1.1:protocol"))
    with pytest.raises(SettingsInvalid, match="no signing key"):
        read(entity(first).replace("IDPSSODescriptor", "SPSSODescriptor"))


def test_an_entity_among_others(identity: Identity) -> None:
    first, second = (key(identity("p256", name)) for name in ("first", "second"))
    group = f'<md:EntitiesDescriptor xmlns:md="{MD}" validUntil="2030-01-01T00:00:00Z">'
    both = f"{group}{entity(first)}{entity(second, name='urn:other')}</md:EntitiesDescriptor>"
    found = read(both)
    assert len(found.keys) == 1
    assert found.until == datetime(2030, 1, 1, tzinfo=UTC)
    for wrong in (
        f"{group}{entity(first)}{entity(second)}</md:EntitiesDescriptor>",
        entity(first, name="urn:x"),
    ):
        with pytest.raises(SettingsInvalid, match="expected one EntityDescriptor"):
            read(wrong)


def test_the_first_end_counts(identity: Identity) -> None:
    text = entity(key(identity("p256", "first")), more=' validUntil="2031-01-01T00:00:00Z"')
    sooner = text.replace("<md:IDPSSODescriptor", '<md:IDPSSODescriptor validUntil="2029-01-01T00:00:00Z"')
    assert read(text).until == datetime(2031, 1, 1, tzinfo=UTC)
    assert read(sooner).until == datetime(2029, 1, 1, tzinfo=UTC)
    with pytest.raises(SettingsInvalid, match="no time"):
        read(text.replace("2031-01-01T00:00:00Z", "for ever"))


def test_signed_metadata(identity: Identity) -> None:
    federation, other = identity("p256", "federation"), identity("p256", "other")
    text = entity(key(identity("p256", "first")))
    assert len(read(signed(text, federation), federation).keys) == 1
    for wrong in (text.encode(), signed(text, other)):
        with pytest.raises(SettingsInvalid):
            read(wrong, federation)
    with pytest.raises(SettingsInvalid, match="altered"):
        read(signed(text, federation).replace(b'use="signing"', b'use="signing" x="y"'), federation)


@pytest.mark.parametrize("text", ["", "<a", "<!DOCTYPE a><a/>", "<a/>"])
def test_what_is_no_metadata(text: str) -> None:
    with pytest.raises(SettingsInvalid):
        read(text)
