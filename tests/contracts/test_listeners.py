"""HTTP-01 to HTTP-05, TLS-09, TLS-13, TLS-14 and XML over the sockets of a running server."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
import sqlite3
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.init import block
from gateway.cli.settings import load_settings
from gateway.cli.started import started

SOAP_PATH, WAIT = "/xds/registry", 5.0
ABUSE, NODE, MESSAGE = (
    ("110113", "protocol-abuse", 4),
    ("110113", "110126", 8),
    ("110113", "message-security", 8),
)
CHANGES = {
    "limits.xml_bytes": "100000",
    "limits.mtom_bytes": "200000",
    "limits.media_bytes": "200000",
    "limits.fhir_bytes": "100000",
    "limits.body_rate_grace_seconds": "1.0",
    "limits.request_line_bytes": "2000",
    "limits.header_block_bytes": "8000",
    "limits.header_count": "20",
    "limits.handshake_seconds": "1.0",
}


@dataclass
class Server:
    """A running server, its record, and raw clients."""

    home: Path

    def __post_init__(self) -> None:
        self.settings = load_settings(self.home / "passerelle.toml")

    def context(self, partner: str | None = "hospital") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.home / "pki/trust.pem"))
        if partner is not None:
            stem = self.home / "pki/clients" / partner
            context.load_cert_chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        return context

    @contextlib.contextmanager
    def plain(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.settings.server.port), timeout=WAIT) as sock:
            yield sock

    def ask(self, *parts: bytes, partner: str | None = "hospital") -> bytes:
        """Everything that comes back until the server closes."""
        with (
            self.plain() as sock,
            self.context(partner).wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
                for part in parts:
                    tls.sendall(part)
            return read_all(tls)

    def rows(self) -> list[tuple[str, str, int]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT message, outcome FROM audit ORDER BY id").fetchall()
        return [(*kind_of(message), outcome) for message, outcome in found]

    def told(self, after: int, count: int = 1) -> list[tuple[str, str, int]]:
        """The rows that were added; framing errors are told a moment after the connection was closed."""
        deadline = time.monotonic() + WAIT
        while len(rows := self.rows()[after:]) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return rows

    def state(self) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            counted = [
                (table, connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
                for table in ("patient", "entry", "submission_set", "content", "seen_message")
            ]
        return [
            *counted,
            *[(str(path),) for path in self.settings.content.directory.rglob("*") if path.is_file()],
        ]

    def lives(self) -> None:
        """A normal request succeeds on a new connection."""
        answer = self.ask(request("GET", "/fhir/metadata", b"", "Accept: application/fhir+json"))
        assert answer.startswith(b"HTTP/1.1 200"), answer[:300]


def kind_of(message: str) -> tuple[str, str]:
    event = re.search(r'<EventID csd-code="([^"]+)"', message)
    kind = re.search(r'<EventTypeCode csd-code="([^"]+)"', message)
    return event[1] if event else "", kind[1] if kind else ""


def read_all(sock: Any) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
        while chunk := sock.recv(65536):
            answer += chunk
    return answer


def request(method: str, path: str, body: bytes, *fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def head(*fields: str, method: str = "POST", path: str = SOAP_PATH) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def post(body: bytes, *fields: str) -> bytes:
    return request("POST", SOAP_PATH, body, "Content-Type: application/soap+xml", *fields)


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("listeners") / "home"
    with started(home, changes=CHANGES, watched=False):
        yield Server(home)


Case = Callable[..., bytes]


@pytest.fixture
def case(server: Server) -> Iterator[Case]:
    """case(expected status, audit row, *octets): one attack, then a normal request."""

    def run(expected: int, row: tuple[str, str, int], *parts: bytes) -> bytes:
        before, state = len(server.rows()), server.state()
        answer = server.ask(*parts)
        assert status(answer) == expected, answer[:300]
        assert server.told(before) == [row]
        assert server.state() == state
        assert b"connection: close" in answer.lower()
        check_silent(answer, server)
        return answer

    yield run
    server.lives()


def check_silent(answer: bytes, server: Server) -> None:
    lowered = answer.lower()
    for word in (str(server.home).encode(), b"traceback", b"uvicorn", b"python", b"passerelle/", b"server:"):
        assert word not in lowered


# --- HTTP -----------------------------------------------------------------------------------------

SECOND = head("Content-Length: 0")


@pytest.mark.parametrize(
    "octets",
    [
        head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        head("Content-Length: 1", "Content-Length: 2") + b"ab",
        head("X: a\r\n b", "Content-Length: 0"),
        head("Transfer-Encoding: chunked") + b"1\na\r\n0\r\n\r\n",
    ],
    ids=["length-and-chunked", "two-lengths", "obs-fold", "bare-LF"],
)
def test_http_01_ambiguous_framing(case: Case, octets: bytes) -> None:
    answer = case(400, ABUSE, octets + SECOND)
    assert answer.count(b"HTTP/1.1 ") == 1, "a second request was processed"


def test_http_02_a_slow_body(case: Case) -> None:
    began = time.monotonic()
    case(408, ABUSE, head("Content-Length: 5000", "Content-Type: application/soap+xml"), b"x" * 10)
    assert time.monotonic() - began < 4


def chunked(size: int) -> bytes:
    return head("Transfer-Encoding: chunked", "Content-Type: application/soap+xml") + (
        b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n"
    )


def test_http_03_one_octet_above_the_limit(case: Case) -> None:
    case(413, ABUSE, post(b"x" * 100_001))
    case(413, ABUSE, chunked(100_001))


def test_http_03_the_length_is_refused_before_the_body(case: Case) -> None:
    case(413, ABUSE, head("Content-Length: 100001", "Content-Type: application/soap+xml"))
    case(413, ABUSE, head("Content-Length: 99999999999"))


def test_http_03_the_limit_itself_is_read(case: Case) -> None:
    """It is no XML, which is found only once it was read."""
    case_answer = case(400, MESSAGE, post(b"x" * 100_000, "Connection: close"))
    assert b"env:Sender" in case_answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "OPTIONS", "HEAD", "GET"])
def test_http_04_methods(case: Case, method: str) -> None:
    answer = case(405, ABUSE, request(method, SOAP_PATH, b"", *()))
    if method != "TRACE":
        assert b"allow: POST" in answer


def test_http_04_connect(case: Case) -> None:
    case(405, ABUSE, b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize(
    "path",
    [
        "/unknown",
        "/",
        "/xds/registry/",
        "/xds/registry/..%2f..%2fetc/passwd",
        "/..%2fxds/registry",
        "/%2e%2e/x",
    ],
)
def test_http_04_unknown_paths(case: Case, path: str) -> None:
    case(404, ABUSE, request("POST", path, b"x", "Content-Type: application/soap+xml"))


def test_http_05_content_encodings(case: Case) -> None:
    bomb, nested = gzip.compress(b"\0" * 90_000_000, 1), gzip.compress(gzip.compress(b"\0" * 10_000_000))
    case(413, ABUSE, post(gzip.compress(b"\0" * 99_000), "Content-Encoding: gzip"))
    case(413, ABUSE, post(bomb[:90_000], "Content-Encoding: gzip"))
    case(400, MESSAGE, post(gzip.compress(b"<x/>" * 50)[:-9], "Content-Encoding: gzip"))
    case(415, MESSAGE, post(b"x", "Content-Encoding: br"))
    case(413, ABUSE, post(nested, "Content-Encoding: gzip, gzip"))


def test_limits_of_the_head(case: Case) -> None:
    case(414, ABUSE, request("POST", SOAP_PATH + "?" + "x" * 2_000, b""))
    case(431, ABUSE, request("POST", SOAP_PATH, b"", "X: " + "x" * 8_000))
    case(431, ABUSE, request("POST", SOAP_PATH, b"", *[f"X{number}: x" for number in range(20)]))


def test_limits_of_the_head_just_below(case: Case) -> None:
    """Fifteen further fields, a long line: read to the end, and refused for what the body is not."""
    fields = [f"X{number}: x" for number in range(14)] + ["Y: " + "y" * 7_000]
    octets = request(
        "POST", SOAP_PATH + "?" + "x" * 1_900, b"x", "Content-Type: application/soap+xml", *fields
    )
    case(400, MESSAGE, octets)


def test_xml_03_a_document_type_over_the_wire(case: Case) -> None:
    answer = case(400, MESSAGE, post(b"<!DOCTYPE e [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><e>&x;</e>"))
    assert b"env:Sender" in answer
    assert b"root:" not in answer


# --- TLS ------------------------------------------------------------------------------------------


def test_tls_09_no_client_certificate(server: Server) -> None:
    before = len(server.rows())
    with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
        silent_ask(server)
    assert server.told(before) == [NODE]
    server.lives()


def silent_ask(server: Server) -> None:
    with server.plain() as sock, server.context(None).wrap_socket(sock, server_hostname="localhost") as tls:
        tls.sendall(SECOND)
        assert tls.recv(100) == b""


def test_tls_13_a_blocked_node(server: Server) -> None:
    """403 before the body is read, within five seconds of the command; and back again."""
    body = head("Content-Length: 90000", "Content-Type: application/soap+xml")
    block(server.settings, "laboratory")
    deadline = time.monotonic() + WAIT
    before = len(server.rows())
    while status(answer := server.ask(post(b"x"), partner="laboratory")) != 403:
        assert time.monotonic() < deadline, "still served after five seconds"
        time.sleep(0.1)
        before = len(server.rows())
    assert server.told(before) == [NODE]
    check_silent(answer, server)
    for octets in (body, request("GET", "/unknown", b""), request("GET", SOAP_PATH + "?wsdl", b"")):
        before = len(server.rows())
        assert status(server.ask(octets, partner="laboratory")) == 403
        assert server.told(before) == [NODE]
    block(server.settings, "laboratory", blocked=False)
    deadline = time.monotonic() + WAIT
    while status(server.ask(post(b"x"), partner="laboratory")) == 403:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("listener", ["port", "mllp_port"])
def test_tls_14_no_tls_on_the_tls_port(server: Server, listener: str) -> None:
    before = len(server.rows())
    port = getattr(server.settings.server, listener)
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = read_all(sock)
    assert not answer.startswith(b"HTTP"), "never an answer, never a redirect"
    assert server.told(before) == [ABUSE]
    server.lives()


def test_tls_16_a_handshake_that_does_not_end(server: Server) -> None:
    before = len(server.rows())
    with server.plain() as sock:
        sock.sendall(b"\x16")
        began = time.monotonic()
        assert read_all(sock) == b""
        assert time.monotonic() - began < 3
    assert server.told(before) == [ABUSE]


# --- HL7 v2 over MLLP -----------------------------------------------------------------------------


def test_v2_04_junk_before_the_start_block(server: Server) -> None:
    before = len(server.rows())
    port = server.settings.server.mllp_port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock,
        server.context().wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"junk\x0bMSH|")
        assert read_all(tls) == b""
    assert server.told(before) == [ABUSE]
