"""MTOM/XOP packages (W3C MTOM, RFC 2387, RFC 2045): taken apart without copying documents, and written."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message

from gateway.declare.bindings import Attachment, Octets
from gateway.errors import Malformed, TooComplex, TooLarge

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
ROOT = "root.message@passerelle"


@dataclass(frozen=True, slots=True)
class MimeType:
    """A Content-Type taken apart: type in lower case, parameters by lower-case name."""

    type: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLimits:
    """Bounds of a package: number of parts, octets of a part's header and of one document."""

    parts: int
    header: int
    document: int


@dataclass(frozen=True, slots=True)
class Package:
    """The root part with its type, and the other parts by content id."""

    root: bytes
    root_type: MimeType
    attachments: Mapping[str, Attachment]


def mime_type(value: str) -> MimeType:
    """A Content-Type header; a missing one is application/octet-stream."""
    message = Message()
    message["content-type"] = value or "application/octet-stream"
    parameters = message.get_params(failobj=[], unquote=True) or []
    return MimeType(
        type=parameters[0][0].lower() if parameters else "",
        parameters={name.lower(): text for name, text in parameters[1:]},
    )


def unpack(body: bytes, content_type: MimeType, limits: PackageLimits) -> Package:
    """The parts of a multipart/related body; Malformed, TooLarge or TooComplex where it breaks a rule."""
    parts = [_part(piece, limits) for piece in _pieces(body, _delimiter(content_type), limits)]
    start = content_type.parameters.get("start", "").strip("<>")
    roots = [part for part in parts if not start or part.content_id == start]
    if not roots:
        raise Malformed("the part named by start= is not in the package", location="Content-Type")
    root = roots[0]
    attachments: dict[str, Attachment] = {}
    for part in parts:
        if part is root:
            continue
        if part.content_id in attachments or part.content_id == root.content_id:
            raise Malformed("two parts have the same Content-ID", location="Content-ID")
        if len(part.data) > limits.document:
            raise TooLarge(f"a document is larger than {limits.document} octets")
        attachments[part.content_id] = Attachment(part.content_id, part.type.type, Octets(part.data))
    return Package(root.data, root.type, attachments)


@dataclass(frozen=True, slots=True)
class _Part:
    content_id: str
    type: MimeType
    data: bytes


def _delimiter(content_type: MimeType) -> bytes:
    boundary = content_type.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("the boundary parameter is missing or not of RFC 2046", location="Content-Type")
    return b"--" + boundary.encode("ascii")


def _pieces(body: bytes, delimiter: bytes, limits: PackageLimits) -> Iterator[memoryview]:
    """The octets between delimiter lines; the CRLF before a delimiter belongs to it (RFC 2046 5.1.1)."""
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if at == 1:
        raise Malformed("the first boundary is not in the body", location="boundary")
    view = memoryview(body)
    count = 0
    while True:
        at += len(delimiter)
        if body.startswith(b"--", at):
            return
        begin = body.find(b"\r\n", at, at + 1024)
        if begin < 0 or body[at:begin].strip(b" \t"):
            raise Malformed("a boundary line does not end as RFC 2046 says", location="boundary")
        end = body.find(b"\r\n" + delimiter, begin)
        if end < 0:
            raise Malformed("the closing boundary is missing", location="boundary")
        count += 1
        if count > limits.parts:
            raise TooComplex(f"the package has more than {limits.parts} parts")
        # Starting at the line end, so that a part without header begins with an empty line.
        yield view[begin:end]
        at = end + 2


def _part(piece: memoryview, limits: PackageLimits) -> _Part:
    head = bytes(piece[: limits.header + 4])
    end = head.find(b"\r\n\r\n")
    if end < 0 and len(piece) > len(head):
        raise TooComplex(f"a part header is longer than {limits.header} octets")
    if end < 0:
        raise Malformed("a part header has no end", location="part header")
    headers = _headers(head[2:end] if end else b"")
    data = bytes(piece[end + 4 :])
    return _Part(
        content_id=headers.get("content-id", "").strip().removeprefix("<").removesuffix(">"),
        type=mime_type(headers.get("content-type", "")),
        data=_decoded(data, headers.get("content-transfer-encoding", "binary").strip().lower()),
    )


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if line and not colon:
            raise Malformed("a part header line has no colon", location="part header")
        found[name.decode("ascii", "replace").strip().lower()] = value.decode("utf-8", "replace").strip()
    return found


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding in {"binary", "8bit", "7bit", ""}:
        return data
    if encoding == "base64":
        try:
            return base64.b64decode(data.replace(b"\r\n", b""), validate=True)
        except binascii.Error as error:
            raise Malformed("a part is not valid base64", location="Content-Transfer-Encoding") from error
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    raise Malformed("a part has an unknown Content-Transfer-Encoding", location="Content-Transfer-Encoding")


def pack(root: bytes, attachments: Sequence[Attachment], action: str) -> tuple[str, list[bytes]]:
    """A package: its Content-Type, and its octets in pieces, documents as they are."""
    boundary = f"passerelle-{secrets.token_hex(16)}"
    content_type = (
        f'multipart/related; type="application/xop+xml"; start="<{ROOT}>"; '
        f'start-info="application/soap+xml"; boundary="{boundary}"; action="{action}"'
    )
    pieces = [
        _written_head(boundary, 'application/xop+xml; charset=UTF-8; type="application/soap+xml"', ROOT),
        root,
    ]
    for attachment in attachments:
        pieces.append(b"\r\n" + _written_head(boundary, attachment.media_type, attachment.content_id))
        pieces += attachment.content.chunks()
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return content_type, pieces


def _written_head(boundary: str, media_type: str, content_id: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{content_id}>\r\n\r\n"
    ).encode()
