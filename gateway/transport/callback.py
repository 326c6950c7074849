"""Posts to an address of a partner: mutual TLS, one request, no redirects (ITI TF-2 V.5, RFC 9112)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from gateway.errors import Busy, SignerRefused

LARGEST_HEAD = 32 * 1024
LARGEST_ANSWER = 1024 * 1024
HTTPS = 443
CLOSING_SECONDS = 1.0
_SUCCESS = range(200, 300)
_INTERIM = range(100, 200)
_NO_CONTENT = 204
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """The status that came back, and the seconds after which the partner wants to be asked again.

    `body` is what came behind it, where it was asked for.
    """

    status: int
    retry_after: float | None = None
    body: bytes = b""

    @property
    def taken(self) -> bool:
        """Whether the partner has taken it."""
        return self.status in _SUCCESS


async def post(
    address: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    context: ssl.SSLContext,
    check: Callable[[bytes, str], None],
    seconds: float,
    now: datetime,
    read: bool = False,
) -> Answered:
    """One POST. Nothing is sent before `check` has passed the peer's certificate (DER) and the cipher suite.

    SignerRefused when the certificate does not serve, Busy when nobody answers in `seconds`. What comes back
    beside status and Retry-After is not read, unless `read` asks for the body: up to LARGEST_ANSWER octets.
    """
    parts = urlsplit(address)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port or HTTPS, ssl=context, limit=LARGEST_HEAD
            )
            try:
                peer = writer.get_extra_info("ssl_object")
                check(peer.getpeercert(binary_form=True) or b"", peer.cipher()[0])
                writer.write(_head(parts.netloc, parts.path or "/", headers, len(body)))
                writer.write(body)
                await writer.drain()
                return await _answer(reader, now, read=read)
            finally:
                await _close(writer)
    except ssl.SSLCertVerificationError as error:
        raise SignerRefused("the certificate of the receiver is not trusted for this address") from error
    except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
        raise Busy(f"the receiver did not answer ({type(error).__name__})") from error


async def _close(writer: asyncio.StreamWriter) -> None:
    """In the form of TLS, as far as the receiver takes part in it."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


def _head(authority: str, path: str, headers: Mapping[str, str], length: int) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {authority}",
        *[f"{name}: {value}" for name, value in headers.items()],
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _answer(reader: asyncio.StreamReader, now: datetime, *, read: bool) -> Answered:
    while True:
        head = (await reader.readuntil(_HEAD_END)).decode("latin-1").split("\r\n")
        version, _, rest = head[0].partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise Busy("the receiver does not speak HTTP/1.1")
        status = int(rest[:3])
        if status not in _INTERIM:
            body = await _body(reader, head[1:]) if read and status != _NO_CONTENT else b""
            return Answered(status, _retry_after(head[1:], now), body)


async def _body(reader: asyncio.StreamReader, lines: list[str]) -> bytes:
    """RFC 9112 6.3: in chunks, of a length, or up to the end of the connection."""
    if _field(lines, "transfer-encoding").lower() == "chunked":
        return await _chunks(reader)
    length = _field(lines, "content-length")
    if not length:
        found = await reader.read(LARGEST_ANSWER + 1)
        while len(found) <= LARGEST_ANSWER and (more := await reader.read(LARGEST_ANSWER)):
            found += more
        return _bounded(found, len(found))
    return _bounded(await reader.readexactly(_size(length, 10)), 0)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := _size((await reader.readuntil(b"\r\n")).partition(b";")[0].decode("latin-1").strip(), 16):
        _bounded(b"", len(found) + size)
        found += (await reader.readexactly(size + 2))[:size]
    return found


def _size(text: str, base: int) -> int:
    if not text.isascii() or not text.isalnum():
        raise Busy("the receiver does not speak HTTP/1.1")
    try:
        size = int(text, base)
    except ValueError as error:
        raise Busy("the receiver does not speak HTTP/1.1") from error
    _bounded(b"", size)
    return size


def _bounded(body: bytes, size: int) -> bytes:
    if size > LARGEST_ANSWER:
        raise Busy(f"the receiver answered with more than {LARGEST_ANSWER} octets")
    return body


def _field(lines: list[str], wanted: str) -> str:
    """The value of a header field; empty when it is not there."""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip().lower() == wanted), "")


def _retry_after(lines: list[str], now: datetime) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date; anything else says nothing."""
    value = _field(lines, "retry-after")
    if value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds()) if value else None
    except (TypeError, ValueError):
        return None
