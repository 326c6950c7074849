"""Verification of WS-Security 1.1 message signatures with X.509 tokens: what is covered, and by whom."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from lxml import etree

from gateway.crypto.keys import usable_key, verify_with
from gateway.crypto.safexml import text_of
from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.algorithms import SignaturePolicy
from gateway.crypto.xmldsig.attachments import Attachment, hash_with_attachments, includes_of
from gateway.crypto.xmldsig.c14n import c14n
from gateway.crypto.xmldsig.layout import Layout, check_timestamp, locate
from gateway.crypto.xmldsig.structure import Reference, Signature, base64_of, read_signature
from gateway.errors import (
    AlgorithmRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
    TokenUnsupported,
)


class Certified(Protocol):
    """A certificate that was found trustworthy, as x509.Certificate is."""

    def public_key(self) -> object:
        """The key of its subject."""


Trusted = Callable[[bytes], Certified]
"""Gives the certificate for its DER, or raises SignerRefused. Chain, validity and revocation are its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedParts:
    """What later stages may read of a message.

    With a signature, exactly the elements it covers, except that `assertion` has a signature of its own and
    may be uncovered. Without (`signature` None), the same elements as they stand, vouched for by nobody.
    """

    body: etree._Element
    headers: Mapping[str, etree._Element]
    timestamp: etree._Element | None
    assertion: etree._Element | None
    assertion_covered: bool = False
    certificate: bytes | None = None
    signature: bytes | None = None
    algorithm: str | None = None


def verify_envelope(
    envelope: etree._Element,
    *,
    parts: Mapping[str, Attachment],
    trusted: Trusted,
    now: datetime,
    policy: SignaturePolicy,
) -> SignedParts:
    """The signed parts of a SOAP 1.2 envelope.

    `parts` are the attachments by Content-ID. Raises SecurityHeaderInvalid, SignatureBroken,
    AlgorithmRefused, SignerRefused, MessageStale, TokenUnsupported, AddressingInvalid or Malformed.
    An unsigned message is no error here; whether it may be is the partner's entry.
    """
    layout = locate(envelope)
    if layout.timestamp is not None:
        check_timestamp(layout.timestamp, now, policy)
    if layout.signature is None:
        return _unsigned(layout)
    if layout.timestamp is None:
        raise SecurityHeaderInvalid("a signed message must carry a Timestamp", location="Timestamp")
    signature = read_signature(layout.signature, policy)
    ids = layout.addressable()
    covered = _covered(layout, signature, ids, policy)
    der = _certificate(layout, signature, ids)
    key = usable_key(trusted(der).public_key(), minimum_rsa=policy.minimum_rsa)
    signed_info = c14n(signature.signed_info, signature.prefixes)
    verify_with(key, signature.scheme, signature.value, signed_info)
    for reference in signature.references:
        _check_digest(reference, ids[reference.target], parts)
    if layout.duplicates:
        raise SecurityHeaderInvalid("an id occurs twice in the message")
    return _signed(layout, signature, covered, der)


def _unsigned(layout: Layout) -> SignedParts:
    if layout.duplicates:
        raise SecurityHeaderInvalid("an id occurs twice in the message")
    return SignedParts(
        body=layout.body,
        headers=MappingProxyType(dict(layout.addressing)),
        timestamp=layout.timestamp,
        assertion=layout.assertion,
    )


def _signed(layout: Layout, signature: Signature, covered: list[etree._Element], der: bytes) -> SignedParts:
    header = layout.header
    blocks = {str(e.tag): e for e in covered if header is not None and e.getparent() is header}
    return SignedParts(
        body=layout.body,
        headers=MappingProxyType(blocks),
        timestamp=layout.timestamp,
        assertion=layout.assertion,
        assertion_covered=layout.assertion is not None and layout.assertion in covered,
        certificate=der,
        signature=signature.value,
        algorithm=signature.algorithm,
    )


# --- coverage ------------------------------------------------------------------------------------


def _covered(
    layout: Layout, signature: Signature, ids: Mapping[str, etree._Element], policy: SignaturePolicy
) -> list[etree._Element]:
    """The elements named by the references; SignatureBroken unless they are all that must be covered."""
    if not layout.duplicates <= {reference.target for reference in signature.references}:
        # an id that is signed and repeated is looked at again when the digests are known
        raise SecurityHeaderInvalid("an id occurs twice in the message")
    covered = [_target(reference, ids) for reference in signature.references]
    if len(set(covered)) != len(covered):
        raise SignatureBroken("a part is named by two references", location="SignedInfo")
    required = [("Body", layout.body), ("Timestamp", layout.timestamp)]
    required += [(name, element) for name, element in layout.addressing.items()]
    if policy.assertion_covered and layout.assertion is not None:
        required.append(("Assertion", layout.assertion))
    for name, element in required:
        if element not in covered:
            raise SignatureBroken("a part that must be signed is not covered by the signature", location=name)
    return covered


def _target(reference: Reference, ids: Mapping[str, etree._Element]) -> etree._Element:
    if reference.enveloped:
        raise AlgorithmRefused("enveloped transform in a message signature", location="Transforms")
    element = ids.get(reference.target)
    if element is None:
        raise SignatureBroken("a signed id is not at a place where it may stand", location="Reference")
    return element


def _check_digest(reference: Reference, element: etree._Element, parts: Mapping[str, Attachment]) -> None:
    includes = includes_of(element) if element.tag == names.BODY else []
    if includes:
        digest = reference.hash(b"")
        hash_with_attachments(element, reference.prefixes, includes, parts, digest)
    else:
        digest = reference.hash(c14n(element, reference.prefixes))
    if digest.digest() != reference.digest:
        name = etree.QName(element).localname
        raise SignatureBroken("a signed part was altered: its digest differs", location=name)


# --- the signer ----------------------------------------------------------------------------------


def _certificate(layout: Layout, signature: Signature, ids: Mapping[str, etree._Element]) -> bytes:
    """The DER of the certificate that KeyInfo names; SignerRefused when it names none of this message."""
    content = list(signature.key_info) if signature.key_info is not None else []
    if len(content) == 1 and content[0].tag == names.X509_DATA:
        return _certificate_of(content[0])
    if len(content) == 1 and content[0].tag == names.TOKEN_REFERENCE:
        return _token(layout, list(content[0]), ids)
    raise SignerRefused("KeyInfo must name one X.509 certificate of the message", location="KeyInfo")


def _certificate_of(data: etree._Element) -> bytes:
    """The DER of the one X509Certificate of an X509Data; SignerRefused for none or several."""
    found = [child for child in data if child.tag == names.X509_CERTIFICATE]
    if len(found) != 1:
        raise SignerRefused("X509Data must hold one certificate", location="X509Data")
    return base64_of(found[0])


def _token(layout: Layout, content: list[etree._Element], ids: Mapping[str, etree._Element]) -> bytes:
    if len(content) != 1 or content[0].tag != names.REFERENCE_TO:
        raise SignerRefused(
            "the security token must be named by a Reference", location="SecurityTokenReference"
        )
    token = ids.get(content[0].get("URI", "")[1:])
    if token is None or token.tag != names.TOKEN or token.getparent() is not layout.security:
        raise SecurityHeaderInvalid(
            "the referenced security token is missing", location="SecurityTokenReference"
        )
    if token.get("ValueType") != names.X509_V3 or token.get("EncodingType", names.BASE64) != names.BASE64:
        raise TokenUnsupported(
            "token not supported; expected X509v3 in base64", location="BinarySecurityToken"
        )
    try:
        return binascii.a2b_base64("".join(text_of(token).split()), strict_mode=True)
    except ValueError as error:
        raise SecurityHeaderInvalid("token is not base64", location="BinarySecurityToken") from error
