"""Reads a request body within its limit; gzip is undone with bounded size and ratio (RFC 9110 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

from gateway.errors import Incomplete, Malformed, MediaTypeUnsupported, TooLarge

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = Iterable[tuple[bytes, bytes]]

GZIP_WINDOW = 16 + zlib.MAX_WBITS
STEP = 1024 * 1024
RATIO = 100


async def read_body(receive: Receive, limit: int, headers: Headers, *, ratio: int = RATIO) -> bytes:
    """The whole body of an ASGI request, decoded; at most `limit` bytes."""
    chunks = [chunk async for chunk in stream_body(receive, limit, headers, ratio=ratio)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


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
