"""MTOM/XOP packages taken apart while they come in (W3C MTOM, RFC 2387, RFC 2046)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from gateway.bindings.mtom import PackageLimits, mime_type
from gateway.bindings.transferred import decoder_of
from gateway.declare.bindings import Attachment, Content, MimeType, Octets, Package
from gateway.errors import Defect, GatewayError, Malformed, TooComplex, TooLarge
from gateway.stores.content import LARGE

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_LONGEST_LINE = 1024
_TYPES_KNOWN = 128
_TOGETHER = 4 * LARGE
"""Octets of all documents of one package that are held in memory."""


class Outside(Content, Protocol):
    """Content that is held outside memory."""

    def discard(self) -> None:
        """Nobody needs it any more; may be called again."""
        ...


class Sink(Protocol):
    """Takes a document that is too large for memory."""

    def write(self, data: bytes | memoryview) -> None:
        """More octets."""
        ...

    def finish(self) -> Outside:
        """The whole document."""
        ...

    def discard(self) -> None:
        """The document will not be finished."""
        ...


OpenSink = Callable[[], Sink]


def unpack(body: bytes, content_type: MimeType, limits: PackageLimits) -> Package:
    """The parts of a multipart/related body that is held in memory; errors as of the Unpacker."""
    unpacker = Unpacker(content_type, limits)
    unpacker.feed(body)
    return unpacker.finish()


class Unpacker:
    """Takes a package apart, however it is cut. Malformed, TooLarge or TooComplex where it breaks a rule.

    Documents of more than a mebibyte, and those that come when the memory for smaller ones is used up, go to
    a sink; without `outside` they stay in memory. What a sink raises is passed on.
    """

    def __init__(
        self, content_type: MimeType, limits: PackageLimits, outside: OpenSink | None = None
    ) -> None:
        self._type = content_type
        self._limits = limits
        self._open = outside
        self._start = content_type.parameters.get("start", "").strip("<>")
        self._delimiter = b"\r\n--" + _boundary(content_type)
        # The line end before a delimiter belongs to it (RFC 2046 5.1.1), also where the body begins with one.
        self._buffer = b"\r\n"
        self._at = 0
        self._state = self._preamble
        self._parts = 0
        self._part: _Part | None = None
        self._root: _Part | None = None
        self._room = _TOGETHER
        self._attachments: dict[str, Attachment] = {}
        self._kept: list[Outside] = []

    @property
    def outside(self) -> bool:
        """Whether anything is held outside memory."""
        return bool(self._kept) or (self._part is not None and self._part.outside)

    def feed(self, data: bytes) -> None:
        """More of the body."""
        self._buffer = self._buffer[self._at :] + data
        self._at = 0
        while self._state():
            pass

    def finish(self) -> Package:
        """The package, when the body has ended."""
        if self._state == self._preamble:
            raise Malformed("the first boundary is not in the body", location="boundary")
        if self._state == self._line:
            raise _bad_line()
        if self._state != self._epilogue:
            raise Malformed("the closing boundary is missing", location="boundary")
        if self._root is None:
            raise Malformed("the part named by start= is not in the package", location="Content-Type")
        self._buffer = b""
        return Package(
            type=self._type,
            root=self._root.octets(),
            root_type=self._root.type,
            attachments=self._attachments,
        )

    def discard(self) -> None:
        """Gives back what is held outside memory, and was not taken."""
        if self._part is not None:
            self._part.discard()
        for content in self._kept:
            content.discard()

    # --- the states: each tells whether another follows in what is there -----------------------------

    def _preamble(self) -> bool:
        found = self._buffer.find(self._delimiter, self._at)
        if found < 0:
            self._at = max(self._at, len(self._buffer) - len(self._delimiter) + 1)
            return False
        return self._go(found + len(self._delimiter), self._line)

    def _line(self) -> bool:
        """The rest of a delimiter line: white space, or two hyphens after the last part."""
        if self._buffer.startswith(b"--", self._at):
            return self._go(self._at + 2, self._epilogue)
        end = self._buffer.find(b"\r\n", self._at, self._at + _LONGEST_LINE)
        if end < 0 and len(self._buffer) - self._at < _LONGEST_LINE:
            return False
        if end < 0 or self._buffer[self._at : end].strip(b" \t"):
            raise _bad_line()
        self._parts += 1
        if self._parts > self._limits.parts:
            raise TooComplex(f"the package has more than {self._limits.parts} parts")
        # A header begins at the line end, so that a part without one begins with an empty line.
        return self._go(end, self._header)

    def _header(self) -> bool:
        most = self._at + self._limits.header + 4
        end = self._buffer.find(b"\r\n\r\n", self._at, most)
        # The empty line must have a line end of its own, not that of a delimiter.
        seen = end + 2 + len(self._delimiter) if end >= 0 else most
        if self._buffer.find(self._delimiter, self._at, seen) >= 0:
            raise Malformed("a part header has no end", location="part header")
        if len(self._buffer) < seen:
            return False
        if end < 0:
            raise TooComplex(f"a part header is longer than {self._limits.header} octets")
        self._begin(self._buffer[self._at + 2 : end])
        return self._go(end + 4, self._data)

    def _data(self) -> bool:
        part = self._part
        if part is None:
            raise Defect("the octets of a part came before its header")
        found = self._buffer.find(self._delimiter, self._at)
        end = found if found >= 0 else len(self._buffer) - len(self._delimiter) + 1
        if end > self._at:
            part.write(memoryview(self._buffer)[self._at : end])
            self._at = end
        if found < 0:
            return False
        self._end(part)
        return self._go(found + len(self._delimiter), self._line)

    def _epilogue(self) -> bool:
        self._at = len(self._buffer)
        return False

    def _go(self, at: int, state: Callable[[], bool]) -> bool:
        self._at, self._state = at, state
        return True

    # --- the parts -----------------------------------------------------------------------------------

    def _begin(self, head: bytes) -> None:
        headers = _headers(head)
        name = headers.get("content-id", "").strip().removeprefix("<").removesuffix(">")
        if name in self._attachments or (self._root is not None and name == self._root.content_id):
            raise Malformed("two parts have the same Content-ID", location="Content-ID")
        rooted = self._root is None and (not self._start or name == self._start)
        self._part = self._root_part(name, headers) if rooted else self._document(name, headers)
        if rooted:
            self._root = self._part

    def _root_part(self, name: str, headers: dict[str, str]) -> _Part:
        most = self._limits.root
        return _Part(name, headers, most, TooLarge(f"XML of more than {most} bytes"), most, None)

    def _document(self, name: str, headers: dict[str, str]) -> _Part:
        most = self._limits.document
        error = TooLarge(f"a document is larger than {most} octets")
        return _Part(name, headers, most, error, min(LARGE, self._room), self._open)

    def _end(self, part: _Part) -> None:
        outside = part.finish()
        self._part = None
        if part is self._root:
            return
        if outside is not None:
            self._kept.append(outside)
        else:
            self._room -= part.size
        content: Content = outside or Octets(part.octets())
        self._attachments[part.content_id] = Attachment(part.content_id, part.type.type, content)


class _Part:
    """A part that is coming in: in memory up to `held` octets, then in a sink; never more than `most`."""

    def __init__(
        self,
        content_id: str,
        headers: dict[str, str],
        most: int,
        too_large: GatewayError,
        held: int,
        outside: OpenSink | None,
    ) -> None:
        self.content_id = content_id
        self.type = _part_type(headers.get("content-type", ""))
        self.size = 0
        self._decoder = decoder_of(headers.get("content-transfer-encoding", "binary").strip().lower())
        self._most = most
        self._too_large = too_large
        self._held = held
        self._open = outside
        self._pieces: list[bytes] = []
        self._sink: Sink | None = None

    @property
    def outside(self) -> bool:
        return self._sink is not None

    def write(self, data: memoryview) -> None:
        self._keep(self._decoder.decode(data))

    def finish(self) -> Outside | None:
        """The content, where it is held outside memory."""
        self._keep(self._decoder.finish())
        return None if self._sink is None else self._sink.finish()

    def octets(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def discard(self) -> None:
        if self._sink is not None:
            self._sink.discard()

    def _keep(self, data: bytes | memoryview) -> None:
        if not data:
            return
        self.size += len(data)
        if self.size > self._most:
            raise self._too_large
        if self.size > self._held and self._sink is None and self._open is not None:
            self._sink = self._open()
            for piece in self._pieces:
                self._sink.write(piece)
            self._pieces.clear()
        if self._sink is None:
            self._pieces.append(bytes(data))
        else:
            self._sink.write(data)


_part_type = lru_cache(maxsize=_TYPES_KNOWN)(mime_type)
"""The types of parts are few, and alike in all messages."""


def _boundary(content_type: MimeType) -> bytes:
    boundary = content_type.parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("the boundary parameter is missing or not of RFC 2046", location="Content-Type")
    return boundary.encode("ascii")


def _bad_line() -> Malformed:
    return Malformed("a boundary line does not end as RFC 2046 says", location="boundary")


def _headers(head: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if line and not colon:
            raise Malformed("a part header line has no colon", location="part header")
        found[name.decode("ascii", "replace").strip().lower()] = value.decode("utf-8", "replace").strip()
    return found
