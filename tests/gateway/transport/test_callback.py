"""Posting to a partner: what is sent, when nothing is, and what an answer says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.crypto import pki
from gateway.errors import Busy, SignerRefused
from gateway.transport.callback import Answered, post
from gateway.transport.tls import client_context

NOW = datetime(2026, 11, 22, 9, 30, 0, tzinfo=UTC)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """A listener with a certificate of its own that answers with these octets."""

    def __init__(self, context: ssl.SSLContext, answer: bytes) -> None:
        self.context, self.answer, self.received = context, answer, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.received.endswith(b"body"):
                chunk = await reader.read(65536)
                if not chunk:
                    return
                self.received += chunk
            writer.write(self.answer)
            await writer.drain()
            if not self.answer:
                await reader.read()
        finally:
            writer.transport.abort()


@pytest.fixture
def receiver(certificates: Any, tmp_path: Path) -> Callable[..., Receiver]:
    """receiver(answer, hosts=…): of our authority, for these names."""

    def make(
        answer: bytes = ACCEPTED, hosts: tuple[str, ...] = ("localhost",), authority: Any = None
    ) -> Receiver:
        key = pki.create_key()
        issued = pki.issue_server(
            authority or certificates.authority, key.public_key(), datetime.now(UTC), hosts
        )
        stem = tmp_path / f"receiver{len(list(tmp_path.iterdir()))}"
        pki.write_key(stem.with_suffix(".key"), key)
        pki.write_pem(stem.with_suffix(".pem"), issued)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        context.load_verify_locations(certificates.folder / "pki/trust.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return Receiver(context, answer)

    return make


@pytest.fixture
def send(settings: Settings) -> Callable[..., Any]:
    """send(receiver, check=…, path=…): the outcome of one POST."""

    def sending(
        to: Receiver,
        check: Callable[[bytes, str], None] = lambda _der, _suite: None,
        path: str = "/a/b",
        seconds: float = 5.0,
        *,
        read: bool = False,
    ) -> Answered:
        async def main() -> Answered:
            server = await asyncio.start_server(to.serve, "127.0.0.1", 0, ssl=to.context)
            async with server:
                port = server.sockets[0].getsockname()[1]
                return await post(
                    f"https://localhost:{port}{path}",
                    {"Content-Type": "text/plain"},
                    b"body",
                    context=client_context(settings.tls),
                    check=check,
                    seconds=seconds,
                    now=NOW,
                    read=read,
                )

        return asyncio.run(main())

    return sending


def test_one_request_with_our_certificate(receiver: Any, send: Any) -> None:
    to = receiver()
    seen: list[tuple[bytes, str]] = []
    assert send(to, lambda der, suite: seen.append((der, suite))) == Answered(202)
    head, _, body = to.received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a/b HTTP/1.1"
    assert lines[1].startswith("Host: localhost:")
    assert lines[2:] == ["Content-Type: text/plain", "Content-Length: 4", "Connection: close"]
    assert body == b"body"
    ((der, suite),) = seen
    assert der.startswith(b"\x30")
    assert "GCM" in suite or "CHACHA" in suite


def test_nothing_is_sent_to_a_peer_that_the_check_refuses(receiver: Any, send: Any) -> None:
    def check(_der: bytes, _suite: str) -> None:
        raise SignerRefused("another node")

    to = receiver()
    with pytest.raises(SignerRefused, match="another node"):
        send(to, check)
    assert to.received == b""


def test_tls_15_a_certificate_of_another_name(receiver: Any, send: Any) -> None:
    to = receiver(hosts=("other.example",))
    with pytest.raises(SignerRefused):
        send(to)
    assert to.received == b""


def test_tls_15_a_certificate_of_another_authority(receiver: Any, send: Any) -> None:
    other = pki.create_authority("Other", "integration", datetime.now(UTC))
    to = receiver(authority=other)
    with pytest.raises(SignerRefused):
        send(to)
    assert to.received == b""


def answer(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (answer("200 OK"), Answered(200)),
        (answer("100 Continue") + answer("204 No Content"), Answered(204)),
        (answer("302 Found", "Location: https://elsewhere.example/"), Answered(302)),
        (answer("503 -", "retry-after: 120"), Answered(503, 120.0)),
        (answer("503 -", "Retry-After: Sun, 22 Nov 2026 09:31:00 GMT"), Answered(503, 60.0)),
        (answer("503 -", "Retry-After: Sun, 22 Nov 2026 09:29:00 GMT"), Answered(503, 0.0)),
        (answer("503 -", "Retry-After: soon"), Answered(503)),
        (answer("429"), Answered(429)),
    ],
)
def test_what_an_answer_says(receiver: Any, send: Any, octets: bytes, expected: Answered) -> None:
    found = send(receiver(octets))
    assert found == expected
    assert found.taken is (expected.status in {200, 204})


CHUNKS = b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        (answer("200 OK", "Content-Length: 5") + b"hello and more", b"hello"),
        (answer("200 OK") + b"hello", b"hello"),
        (answer("200 OK", "Transfer-Encoding: Chunked") + CHUNKS, b"hello world"),
        (answer("200 OK", "Content-Length: 0"), b""),
        (answer("204 No Content"), b""),
        (answer("500 -", "Content-Length: 5") + b"fault", b"fault"),
    ],
)
def test_the_body_of_an_answer_is_read_where_it_is_asked_for(
    receiver: Any, send: Any, octets: bytes, body: bytes
) -> None:
    assert send(receiver(octets), read=True).body == body
    assert send(receiver(octets)).body == b""


@pytest.mark.parametrize(
    "octets",
    [
        answer("200 OK", "Content-Length: 5") + b"cut",
        answer("200 OK", "Content-Length: -5"),
        answer("200 OK", "Content-Length: five"),
        answer("200 OK", "Content-Length: 9999999"),
        answer("200 OK", "Transfer-Encoding: chunked") + b"zz\r\n",
        answer("200 OK", "Transfer-Encoding: chunked") + b"5\r\nhel",
        answer("200 OK", "Transfer-Encoding: chunked") + b"9999999\r\n",
        answer("200 OK") + b"x" * 1_100_000,
    ],
    ids=["cut", "negative", "word", "long", "no-size", "cut-chunk", "long-chunk", "endless"],
)
def test_a_body_that_cannot_be_read_is_no_answer(receiver: Any, send: Any, octets: bytes) -> None:
    with pytest.raises(Busy):
        send(receiver(octets), read=True)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/2 nonsense\r\n\r\n",
        b"220 mail.example\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"cut\r\n",
        b"x" * 70_000,
    ],
    ids=["version", "mail", "status", "cut", "endless-head"],
)
def test_an_answer_that_is_none(receiver: Any, send: Any, octets: bytes) -> None:
    with pytest.raises(Busy):
        send(receiver(octets))


def test_a_receiver_that_is_silent(receiver: Any, send: Any) -> None:
    with pytest.raises(Busy, match="TimeoutError"):
        send(receiver(b""), seconds=0.5)


def test_nobody_listens(settings: Settings) -> None:
    async def main() -> None:
        server = await asyncio.start_server(_hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await post(
            f"https://localhost:{port}/",
            {},
            b"",
            context=client_context(settings.tls),
            check=lambda _der, _suite: None,
            seconds=5.0,
            now=NOW,
        )

    with pytest.raises(Busy):
        asyncio.run(main())


async def _hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
