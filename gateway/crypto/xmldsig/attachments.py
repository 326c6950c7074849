"""Digests over content that travels beside the envelope: XOP 1.0 reconstructed without building it (MTOM)."""

from __future__ import annotations

import secrets
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

from lxml import etree

from gateway.crypto.xmldsig import names
from gateway.crypto.xmldsig.algorithms import Hash
from gateway.crypto.xmldsig.c14n import c14n
from gateway.errors import Malformed

_INCLUDES = etree.XPath("descendant::xop:Include", namespaces={"xop": names.XOP})
_CID = "cid:"
_WHITE_SPACE = " \t\r\n"


class Attachment(Protocol):
    """Octets beside the envelope. `size` in bytes; `chunks()` may be called more than once."""

    @property
    def size(self) -> int:
        """Number of octets."""

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start, in pieces of any length."""


def includes_of(element: etree._Element) -> list[etree._Element]:
    """Every xop:Include below; Malformed unless each is empty and the only content of its parent.

    White space around it is let pass, as senders indent their messages; it stays in the digest.
    """
    found: list[etree._Element] = _INCLUDES(element)  # type: ignore[assignment]  # an XPath on elements gives a list
    for include in found:
        parent = include.getparent()
        alone = parent is not None and len(parent) == 1 and _blank(parent.text) and _blank(include.tail)
        if not alone or len(include) or include.text:
            raise Malformed(
                "xop:Include must be empty and the only content of its element", location="Include"
            )
    return found


def _blank(text: str | None) -> bool:
    return not (text or "").strip(_WHITE_SPACE)


def content_id(include: etree._Element) -> str:
    """The Content-ID, without brackets, that an xop:Include names; Malformed for another kind of address."""
    href = include.get("href", "")
    if not href.startswith(_CID):
        raise Malformed("xop:Include must name an attachment (cid:)", location="Include")
    return unquote(href[len(_CID) :])


def hash_with_attachments(
    element: etree._Element,
    prefixes: Sequence[str],
    includes: Sequence[etree._Element],
    parts: Mapping[str, Attachment],
    digest: Hash,
) -> None:
    """Feed the canonical form of `element`, with the base64 of its attachments in place, to `digest`.

    Each Include is marked by a random text while the element is canonicalized once; the tree is left as it
    was. An attachment that is missing counts as empty: the transaction reports it later in its own words.
    """
    wanted = [parts.get(content_id(include)) for include in includes]
    marker = secrets.token_hex(16)
    addresses = [include.get("href", "") for include in includes]
    try:
        for include in includes:
            include.set("href", marker)
        canonical = c14n(element, prefixes)
    finally:
        for include, address in zip(includes, addresses, strict=True):
            include.set("href", address)
    start = 0
    for (left, right), attachment in zip(_tags(canonical, marker.encode()), wanted, strict=True):
        digest.update(canonical[start:left])
        if attachment is not None:
            hash_base64(attachment.chunks(), digest)
        start = right
    digest.update(canonical[start:])


def hash_base64(chunks: Iterable[bytes], digest: Hash) -> None:
    """Feed the base64 text of the chunks, joined, to `digest`."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk if rest else chunk
        whole = len(data) - len(data) % 3
        digest.update(b2a_base64(memoryview(data)[:whole], newline=False))
        rest = data[whole:]
    if rest:
        digest.update(b2a_base64(rest, newline=False))


def _tags(canonical: bytes, marker: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each marked element: in canonical text `<` occurs only where a tag opens."""
    at = canonical.find(marker)
    while at >= 0:
        end = canonical.index(b">", canonical.index(b"</", at)) + 1
        yield canonical.rindex(b"<", 0, at), end
        at = canonical.find(marker, end)
