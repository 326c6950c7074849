"""Tells octets that are a private key or a key store, which nobody should send (RFC 7468, 5958, 7292).

A look at the first octets, bounded and cheap: no key is read, and a document that only speaks of keys passes.
"""

from __future__ import annotations

import re

HEAD = 4 * 1024
"""Octets that are looked at."""

_PEM = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----", re.MULTILINE)
_PUTTY = b"PuTTY-User-Key-File-"
_JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
_JWK = re.compile(rb'"kty"\s*:\s*"')
_JWK_SECRET = re.compile(rb'"d"\s*:\s*"[A-Za-z0-9_-]{16,}"')
_SEQUENCE = 0x30
_PKCS7_DATA = bytes.fromhex("06092a864886f70d010701")
_PKCS7_SIGNED = bytes.fromhex("06092a864886f70d010702")
_PKCS5, _PKCS12 = bytes.fromhex("06092a864886f70d0105"), bytes.fromhex("060a2a864886f70d010c01")
_ZERO, _ONE, _THREE = b"\x02\x01\x00", b"\x02\x01\x01", b"\x02\x01\x03"
_OBJECT, _OCTETS = b"\x06", b"\x04"
_INTEGER_LONG = (b"\x02\x81", b"\x02\x82")
_SHORT = 0x80


def is_private_key(head: bytes) -> bool:
    """Whether what begins like this is a private key, a PKCS#12 or another key store."""
    head = head[:HEAD]
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(_PUTTY) or text.startswith(_JAVA) or _PEM.search(text):
        return True
    if text.startswith((b"{", b"[")):
        return _JWK.search(text) is not None and _JWK_SECRET.search(text) is not None
    return _is_der_key(head)


def _is_der_key(head: bytes) -> bool:
    """PKCS#12; PKCS#8, open or encrypted; PKCS#1; SEC 1."""
    body = _inside(head)
    if body is None:
        return False
    if body.startswith(_THREE):
        return (_inside(body[3:]) or b"").startswith((_PKCS7_DATA, _PKCS7_SIGNED))
    if body.startswith(_ZERO):
        return body[3:].startswith(_INTEGER_LONG) or (_inside(body[3:]) or b"").startswith(_OBJECT)
    if body.startswith(_ONE):
        return body[3:].startswith(_OCTETS)
    return (_inside(body) or b"").startswith((_PKCS5, _PKCS12))


def _inside(data: bytes) -> bytes | None:
    """What follows the head of a SEQUENCE, of definite or indefinite length; None where there is none."""
    if len(data) < 2 or data[0] != _SEQUENCE:  # noqa: PLR2004 - a tag and a length
        return None
    length = data[1]
    return data[2:] if length <= _SHORT else data[2 + (length & ~_SHORT) :]
