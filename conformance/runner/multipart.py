"""MIME packages of SOAP messages: MTOM requests are built, answers taken apart (RFC 2387, XOP 1.0)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message

SOAP = "application/soap+xml"
XOP = "application/xop+xml"


class BadPackageError(Exception):
    """A multipart answer that cannot be taken apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An opened answer: the root part, its type, and the other parts by Content-ID without brackets."""

    root: bytes
    root_type: str
    parts: Mapping[str, bytes]


def parameters(header: str) -> tuple[str, dict[str, str]]:
    """A Content-Type value as lower-case type and its parameters, quotes taken off."""
    message = Message()
    message["content-type"] = header
    found = message.get_params(failobj=[])
    return (found[0][0].lower() if found else ""), {name.lower(): value for name, value in found[1:]}


def pack(root: bytes, attachments: Sequence[tuple[str, bytes]], action: str) -> tuple[str, bytes]:
    """Content type and body of an MTOM message; `attachments` are Content-ID and bytes."""
    boundary = f"uuid_{uuid.uuid4()}"
    start = f"<root@{uuid.uuid4()}>"
    chunks = [_head(boundary, f'{XOP}; charset=UTF-8; type="{SOAP}"', start), root]
    for name, content in attachments:
        chunks += [b"\r\n", _head(boundary, "application/octet-stream", f"<{name}>"), content]
    chunks.append(f"\r\n--{boundary}--\r\n".encode())
    content_type = (
        f'multipart/related; type="{XOP}"; start="{start}"; start-info="{SOAP}"; boundary="{boundary}"'
    )
    return (f'{content_type}; action="{action}"' if action else content_type), b"".join(chunks)


def _head(boundary: str, content_type: str, name: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Type: {content_type}\r\n"
        f"Content-Transfer-Encoding: binary\r\nContent-ID: {name}\r\n\r\n"
    ).encode()


def unpack(content_type: str, body: bytes) -> Package:
    """Open a multipart/related answer. Raises BadPackageError."""
    _, given = parameters(content_type)
    boundary = given.get("boundary", "")
    if not boundary:
        raise BadPackageError("the answer is multipart, without a boundary")
    sections = [_section(section) for section in _split(body, boundary.encode())]
    if not sections:
        raise BadPackageError("the answer is multipart, without a part")
    start = given.get("start", "").strip("<>")
    root = next((section for section in sections if start and section[0] == start), sections[0])
    return Package(root=root[2], root_type=root[1], parts={name: content for name, _, content in sections})


def _split(body: bytes, boundary: bytes) -> list[bytes]:
    pieces = re.split(rb"(?:^|\r\n)--" + re.escape(boundary) + rb"(?=--|[ \t]*\r\n)", body)
    return [piece.lstrip(b" \t").removeprefix(b"\r\n") for piece in pieces[1:] if not piece.startswith(b"--")]


def _section(section: bytes) -> tuple[str, str, bytes]:
    head, separator, content = section.partition(b"\r\n\r\n")
    if not separator:
        raise BadPackageError("a part of the answer has no end of its headers")
    fields: dict[str, str] = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return fields.get("content-id", "").strip("<>"), fields.get("content-type", ""), content


def content_type_of(body: bytes) -> str:
    """The Content-Type of a whole MIME body kept without its HTTP headers: read from its own first lines."""
    boundary = body.split(b"\n", 1)[0].strip()[2:].decode("latin-1")
    found = re.search(rb"^Content-ID:\s*(<[^>\r\n]+>)", body, re.IGNORECASE | re.MULTILINE)
    start = f' start="{found[1].decode("latin-1")}";' if found else ""
    return f'multipart/related; boundary="{boundary}"; type="{XOP}";{start} start-info="{SOAP}"'


def with_wire_line_ends(body: bytes, content_type: str) -> bytes:
    """CRLF in boundaries and part headers of a stored body; the contents of the parts stay as they are."""
    mark = b"--" + parameters(content_type)[1].get("boundary", "").encode()
    output: list[bytes] = []
    in_head = True
    for line in body.split(b"\n"):
        bare = line.removesuffix(b"\r")
        if bare.startswith(mark):
            if output and output[-1].endswith(b"\n") and not output[-1].endswith(b"\r\n"):
                output[-1] = output[-1][:-1] + b"\r\n"
            in_head = True
        output.append(bare + b"\r\n" if in_head else line + b"\n")
        in_head = in_head and bool(bare)
    return b"".join(output)
