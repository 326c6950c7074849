"""Enveloped signatures of SAML 2.0 assertions (SAML core section 5.4): verified in place, and made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from lxml import etree

from gateway.crypto.keys import PublicKey, Signer, usable_key, verify_with
from gateway.crypto.safexml import parse, text_of
from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.algorithms import DEFAULT_POLICY, SignaturePolicy
from gateway.crypto.xmldsig.c14n import c14n
from gateway.crypto.xmldsig.signature import ENVELOPED_TRANSFORMS, reference_xml, signature_xml
from gateway.crypto.xmldsig.structure import Signature, base64_of, read_signature
from gateway.errors import Malformed, SignatureBroken, SignerRefused

KeyResolver = Callable[[bytes | None], Sequence[PublicKey]]
"""Gives the keys that may have signed, pinned for the issuer. It is told the certificate (DER) of KeyInfo, or
None, and raises SignerRefused when that is not the issuer's: KeyInfo is a hint, never a source of trust."""


def verify_enveloped(
    assertion: etree._Element, keys: KeyResolver, policy: SignaturePolicy = DEFAULT_POLICY
) -> None:
    """Return when the assertion is wholly signed, by itself, with one of the keys.

    Raises SignatureBroken (also when unsigned), AlgorithmRefused or SignerRefused. The tree stays as it was.
    """
    found = [child for child in assertion if child.tag == names.SIGNATURE]
    if len(found) != 1:
        raise SignatureBroken("an assertion must carry one signature", location="Assertion")
    signature = read_signature(found[0], policy)
    certificate = _hinted_certificate(signature)
    allowed = [usable_key(key, minimum_rsa=policy.minimum_rsa) for key in keys(certificate)]
    _check_content(assertion, found[0], signature)
    _check_value(signature, allowed, hinted=certificate is not None)


def _hinted_certificate(signature: Signature) -> bytes | None:
    """The certificate of KeyInfo; None when it shows none, or a chain that does not say whose is the key."""
    if signature.key_info is None:
        return None
    found = [
        item
        for data in signature.key_info.iterchildren(names.X509_DATA)
        for item in data.iterchildren(names.X509_CERTIFICATE)
    ]
    return base64_of(found[0]) if len(found) == 1 else None


def _check_content(assertion: etree._Element, element: etree._Element, signature: Signature) -> None:
    if len(signature.references) != 1:
        raise SignatureBroken("the signature of an assertion must hold one reference", location="SignedInfo")
    reference = signature.references[0]
    if reference.target != assertion.get("ID") or not reference.enveloped:
        raise SignatureBroken("the signature does not cover the assertion it stands in", location="Reference")
    with _detached(assertion, element):
        content = c14n(assertion, reference.prefixes)
    if reference.hash(content).digest() != reference.digest:
        raise SignatureBroken("the assertion was altered: its digest differs", location="Assertion")


def _check_value(signature: Signature, keys: Sequence[PublicKey], *, hinted: bool) -> None:
    signed_info = c14n(signature.signed_info, signature.prefixes)
    for key in keys:
        if _is_signed_by(key, signature, signed_info):
            return
    if hinted:
        raise SignatureBroken("the signature value of the assertion is wrong", location="SignatureValue")
    raise SignerRefused("no key of the issuer made this signature", location="Issuer")


def _is_signed_by(key: PublicKey, signature: Signature, signed_info: bytes) -> bool:
    try:
        verify_with(key, signature.scheme, signature.value, signed_info)
    except SignatureBroken:
        return False
    return True


@contextmanager
def _detached(assertion: etree._Element, signature: etree._Element) -> Iterator[None]:
    """The assertion without its signature, but with the text that follows it; put back at the end."""
    position, previous = assertion.index(signature), signature.getprevious()
    before = assertion.text if previous is None else previous.tail
    kept = (before or "") + (signature.tail or "")
    assertion.remove(signature)
    try:
        _set_text(assertion, previous, kept)
        yield
    finally:
        _set_text(assertion, previous, before)
        assertion.insert(position, signature)


def _set_text(parent: etree._Element, previous: etree._Element | None, text: str | None) -> None:
    if previous is None:
        parent.text = text
    else:
        previous.tail = text


def sign_assertion(assertion: bytes | etree._Element, signer: Signer) -> bytes:
    """The assertion in canonical form with an enveloped signature behind its Issuer."""
    element = parse(assertion) if isinstance(assertion, bytes) else assertion
    identifier, first = element.get("ID"), next(iter(element), None)
    if element.tag != names.ASSERTION or not identifier or first is None or first.tag != names.ISSUER:
        raise Malformed("not a SAML 2.0 assertion with ID and Issuer", location="Assertion")
    text_of(first)
    content = c14n(element)
    reference = reference_xml(identifier, sha256(content).digest(), ENVELOPED_TRANSFORMS)
    key_info = (
        b"<ds:X509Data><ds:X509Certificate>"
        + b64encode(signer.certificate)
        + b"</ds:X509Certificate></ds:X509Data>"
    )
    # the Issuer comes first and holds text only: the first end tag is its own
    end = content.index(b">", content.index(b"</")) + 1
    return content[:end] + signature_xml([reference], key_info, signer) + content[end:]
