"""MTOM/XOP packages (W3C MTOM, RFC 2387, RFC 2045) as they are written; `unpack` reads them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from types import MappingProxyType

from gateway.declare.bindings import Attachment, Content, MimeType, Octets

ROOT = "root.message@passerelle"
_SHORT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLimits:
    """Bounds of a package: number of parts, octets of a part's header, of the root and of one document."""

    parts: int
    header: int
    root: int
    document: int


def mime_type(value: str) -> MimeType:
    """A Content-Type header; a missing one is application/octet-stream.

    What clients send with each request is remembered; a package has a boundary of its own each time.
    """
    return _read(value) if len(value) > _SHORT or "boundary" in value else _remembered(value)


def _read(value: str) -> MimeType:
    message = Message()
    message["content-type"] = value or "application/octet-stream"
    parameters = message.get_params(failobj=[], unquote=True) or []
    return MimeType(
        type=parameters[0][0].lower() if parameters else "",
        parameters=MappingProxyType({name.lower(): text for name, text in parameters[1:]}),
    )


_remembered = lru_cache(maxsize=256)(_read)


def pack(root: bytes, attachments: Sequence[Attachment], action: str) -> tuple[str, list[bytes | Content]]:
    """A package: its Content-Type, and its octets in pieces, documents as they are."""
    boundary = f"passerelle-{secrets.token_hex(16)}"
    content_type = (
        f'multipart/related; type="application/xop+xml"; start="<{ROOT}>"; '
        f'start-info="application/soap+xml"; boundary="{boundary}"; action="{action}"'
    )
    pieces: list[bytes | Content] = [
        _written_head(boundary, 'application/xop+xml; charset=UTF-8; type="application/soap+xml"', ROOT),
        root,
    ]
    for attachment in attachments:
        pieces.append(b"\r\n" + _written_head(boundary, attachment.media_type, attachment.content_id))
        content = attachment.content
        pieces.append(content.data if isinstance(content, Octets) else content)
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return content_type, pieces


def _written_head(boundary: str, media_type: str, content_id: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\n\r\n"
    ).encode()
