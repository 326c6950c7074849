"""SAML metadata of an identity provider: signing keys and how long they count (SAML metadata 2.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from lxml import etree

from gateway.crypto.keys import usable_key
from gateway.crypto.safexml import instant_of, parse
from gateway.crypto.xmldsig import SignaturePolicy, verify_enveloped
from gateway.crypto.xmldsig.names import DS, KEY_INFO, X509_CERTIFICATE, X509_DATA
from gateway.crypto.xmldsig.structure import base64_of
from gateway.errors import GatewayError, SettingsInvalid
from gateway.identity.issuers.keys import IssuerKeys, named

_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
_ENTITIES, _ENTITY = f"{{{_MD}}}EntitiesDescriptor", f"{{{_MD}}}EntityDescriptor"
_IDP, _KEY = f"{{{_MD}}}IDPSSODescriptor", f"{{{_MD}}}KeyDescriptor"
_PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
_SIGNATURE = f"{{{DS}}}Signature"


def read_metadata(
    data: bytes, entity_id: str, signers: Sequence[x509.Certificate], policy: SignaturePolicy
) -> IssuerKeys:
    """The keys that an entity signs with as identity provider.

    With `signers` the outermost element must be signed by one of them. SettingsInvalid where the metadata
    cannot be believed, or names no key of the entity.
    """
    try:
        root = parse(data)
        if signers:
            keys = [usable_key(each.public_key(), minimum_rsa=policy.minimum_rsa) for each in signers]
            verify_enveloped(root, lambda _: keys, policy)
        entity = _entity(root, entity_id)
        certificates = [x509.load_der_x509_certificate(der) for der in _signing(entity)]
        keys_told = named(certificates, minimum_rsa=policy.minimum_rsa)
    except GatewayError as error:
        raise SettingsInvalid(f"metadata: {error.detail}", location=error.location) from error
    except ValueError as error:
        raise SettingsInvalid("metadata: a certificate that cannot be read") from error
    if not keys_told:
        raise SettingsInvalid("metadata: no signing key of an identity provider", location="KeyDescriptor")
    return IssuerKeys(keys_told, _until(entity))


def _entity(root: etree._Element, entity_id: str) -> etree._Element:
    candidates = [root] if root.tag == _ENTITY else list(root.iter(_ENTITY)) if root.tag == _ENTITIES else []
    found = [each for each in candidates if each.get("entityID") == entity_id]
    if len(found) != 1:
        raise SettingsInvalid("expected one EntityDescriptor of the entity_id", location="entityID")
    return found[0]


def _signing(entity: etree._Element) -> Iterator[bytes]:
    """Certificates (DER) of keys for signing; without a use, a key is for everything."""
    for provider in entity.iterchildren(_IDP):
        if _PROTOCOL not in provider.get("protocolSupportEnumeration", "").split():
            continue
        for descriptor in provider.iterchildren(_KEY):
            if descriptor.get("use", "signing") == "signing":
                for info in descriptor.iterchildren(KEY_INFO):
                    for data in info.iterchildren(X509_DATA):
                        yield from (base64_of(each) for each in data.iterchildren(X509_CERTIFICATE))


def _until(entity: etree._Element) -> datetime | None:
    """The first end among the entity, its provider roles and what it stands in."""
    bearers = [entity, *entity.iterancestors(), *entity.iterchildren(_IDP)]
    told = [each.get("validUntil") for each in bearers]
    ends = [instant_of(text) for text in told if text is not None]
    if None in ends:
        raise SettingsInvalid("metadata: validUntil is no time with a time zone", location="validUntil")
    return min((end for end in ends if end is not None), default=None)
