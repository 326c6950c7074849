"""Reads a request body within its limit; gzip is undone with bounded size and ratio (RFC 9110 8.4).

A body with an intake is taken apart while it is read, and never held in one piece.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.declare.bindings import Intake, Package
from gateway.errors import Incomplete, Malformed, MediaTypeUnsupported, TooLarge
from gateway.stores.threads import HeavyWork

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = Iterable[tuple[bytes, bytes]]

GZIP_WINDOW = 16 + zlib.MAX_WBITS
STEP = 1024 * 1024
RATIO = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A body with its SHA-256: whole, as the package an intake made of it, or why it made none."""

    body: bytes = b""
    sha256: bytes = b""
    package: Package | None = None
    failure: Exception | None = None


async def take_body(chunks: AsyncIterator[bytes], intake: Intake | None, heavy: HeavyWork) -> Taken:
    """Everything that `chunks` gives. What an intake finds wrong ends nothing: the body is read to its end.

    A body of less than a step is worked on at once, of a longer one each step in a thread.
    """
    if intake is None:
        body = b"".join([chunk async for chunk in chunks])
        return Taken(body=body, sha256=hashlib.sha256(body).digest() if body else b"")
    taking = _Taking(intake)
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= STEP:
            await heavy.do(taking.step, b"".join(held))
            held.clear()
            size = 0
    if intake.outside:
        return await heavy.do(taking.last, b"".join(held))
    return taking.last(b"".join(held))


class _Taking:
    """Gives a body to an intake and measures it."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._running = hashlib.sha256()
        self._failure: Exception | None = None

    def step(self, data: bytes) -> None:
        self._running.update(data)
        if self._failure is None:
            try:
                self._intake.feed(data)
            except Exception as error:  # noqa: BLE001 - the pipeline refuses the message for it
                self._fail(error)

    def last(self, data: bytes) -> Taken:
        self.step(data)
        package = None
        if self._failure is None:
            try:
                package = self._intake.finish()
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(error)
        return Taken(sha256=self._running.digest(), package=package, failure=self._failure)

    def _fail(self, error: Exception) -> None:
        """What came so far is not kept while the rest is read."""
        self._failure = error
        self._intake.discard()


async def stream_body(
    receive: Receive, limit: int, headers: Headers, *, ratio: int = RATIO
) -> AsyncIterator[bytes]:
    """The body in pieces, decoded. TooLarge before anything is read when Content-Length says so already."""
    length, encoding = _announced(headers)
    if length > limit:
        raise TooLarge(f"body of {length} bytes; expected at most {limit}")
    if encoding is None:
        async for chunk in _bounded(_received(receive), limit):
            yield chunk
    else:
        async for chunk in _bounded(_expanded(_bounded(_received(receive), limit), limit, ratio), limit):
            yield chunk


def _announced(headers: Headers) -> tuple[int, str | None]:
    """Content-Length (0 when absent) and the one content encoding we know, if any."""
    length = 0
    codings: list[str] = []
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"content-encoding":
            codings += [coding.strip().lower() for coding in value.decode("latin-1").split(",")]
    codings = [coding for coding in codings if coding not in {"", "identity"}]
    if any(coding not in {"gzip", "x-gzip"} for coding in codings):
        raise MediaTypeUnsupported("content encoding not known; expected gzip or none")
    if len(codings) > 1:
        raise TooLarge("content is encoded more than once")
    return length, codings[0] if codings else None


async def _received(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Incomplete("the connection ended before the body was complete")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        if seen > limit:
            raise TooLarge(f"body above the limit of {limit} bytes")
        yield chunk


async def _expanded(chunks: AsyncIterator[bytes], limit: int, ratio: int) -> AsyncIterator[bytes]:
    """One gzip member, expanded in steps so that neither size nor ratio can run away."""
    decoder = zlib.decompressobj(GZIP_WINDOW)
    taken = given = 0
    async for chunk in chunks:
        taken += len(chunk)
        for piece in _pieces(decoder, chunk):
            given += len(piece)
            if given > min(limit, taken * ratio):
                raise TooLarge("content expands beyond the limit")
            yield piece
        if decoder.unused_data:
            raise Malformed("bytes after the end of the gzip content")
    if not decoder.eof:
        raise Malformed("the gzip content is incomplete")


def _pieces(decoder: zlib._Decompress, chunk: bytes) -> Iterable[bytes]:
    while chunk:
        try:
            piece = decoder.decompress(chunk, STEP)
        except zlib.error as error:
            raise Malformed("not valid gzip content") from error
        chunk = decoder.unconsumed_tail
        if piece:
            yield piece
