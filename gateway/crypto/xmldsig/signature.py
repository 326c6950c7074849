"""A ds:Signature written directly in canonical form: no tree, no canonicalization (XML-DSig 1.1)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig.algorithms import IDENTIFIERS
from gateway.crypto.xmldsig.names import DS, ENVELOPED, EXC_C14N, SHA256

_EXCLUSIVE = b'<ds:Transform Algorithm="%b"></ds:Transform>' % EXC_C14N.encode()
TRANSFORMS = b"<ds:Transforms>" + _EXCLUSIVE + b"</ds:Transforms>"
ENVELOPED_TRANSFORMS = (
    b'<ds:Transforms><ds:Transform Algorithm="%b"></ds:Transform>' % ENVELOPED.encode()
    + _EXCLUSIVE
    + b"</ds:Transforms>"
)
_DIGEST_METHOD = b'<ds:DigestMethod Algorithm="%b"></ds:DigestMethod>' % SHA256.encode()
_OPEN = b'<ds:Signature xmlns:ds="%b">' % DS.encode()
_OPEN_INFO = b'<ds:SignedInfo xmlns:ds="%b">' % DS.encode() + (
    b'<ds:CanonicalizationMethod Algorithm="%b"></ds:CanonicalizationMethod>' % EXC_C14N.encode()
)


def reference_xml(identifier: str, digest: bytes, transforms: bytes = TRANSFORMS) -> bytes:
    """One ds:Reference to an id (an XML name) with its SHA-256 digest (32 bytes)."""
    return b'<ds:Reference URI="#%b">%b%b<ds:DigestValue>%b</ds:DigestValue></ds:Reference>' % (
        identifier.encode(),
        transforms,
        _DIGEST_METHOD,
        b64encode(digest),
    )


def signature_xml(references: Sequence[bytes], key_info: bytes, signer: Signer) -> bytes:
    """The ds:Signature over the references. `key_info` is the canonical content of ds:KeyInfo."""
    method = b'<ds:SignatureMethod Algorithm="%b"></ds:SignatureMethod>' % IDENTIFIERS[signer.scheme].encode()
    # SignedInfo declares ds again: as written it equals its canonical form, and can be signed as it stands
    info = b"".join((_OPEN_INFO, method, *references, b"</ds:SignedInfo>"))
    value = b64encode(signer.sign(info))
    return (
        _OPEN
        + info
        + b"<ds:SignatureValue>"
        + value
        + b"</ds:SignatureValue><ds:KeyInfo>"
        + key_info
        + b"</ds:KeyInfo></ds:Signature>"
    )
