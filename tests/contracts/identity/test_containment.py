"""Containing an incident: each kind of switch, at both workers, SOAP, FHIR and MLLP, on open connections."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from gateway.bindings.addressing import WSA
from gateway.cli.main import app
from gateway.client.queries import find_body
from gateway.crypto.xmldsig import HeaderBlock, compose
from tests.identitybench import PATIENT, b64

DEADLINE, BUSY = 5.0, 503
QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
Wire = Any


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, tools: SimpleNamespace) -> Iterator[Wire]:
    """A server of two workers, with an incident of high severity."""
    with tools.running(tmp_path_factory.mktemp("containment") / "home", "", {}, workers=2) as found:
        said(found, "open", "--title", "something is wrong", "--severity", "high")
        yield found


def said(wire: Wire, *words: str, by: str = "alice") -> str:
    line = ["incident", *words, "--as", by, "--config", str(wire.home / "passerelle.toml")]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    return done.output


@dataclass
class Lines:
    """Open connections to one worker: HTTPS, which SOAP and FHIR share, and MLLP."""

    wire: Wire
    https: http.client.HTTPSConnection
    mllp: ssl.SSLSocket
    assertion: bytes

    def fhir(self) -> bool:
        headers = {"authorization": f"Bearer {b64(self.assertion)}", "accept": "application/fhir+json"}
        return self._asked("GET", f"/fhir{self.wire.documents(PATIENT)}", headers)

    def soap(self) -> bool:
        url = f"{self.wire.url}/xds/registry"
        told = {"Action": QUERY, "MessageID": f"urn:uuid:{uuid4()}", "To": url}
        blocks = [
            HeaderBlock.of_text(f"{{{WSA}}}{name}", text, must_understand=name == "Action")
            for name, text in told.items()
        ]
        acting = self.wire.acting()
        body = compose(
            blocks,
            find_body(acting.full_id(PATIENT)),
            acting.identity.signer,
            now=datetime.now(UTC),
            assertion=self.assertion,
        )
        headers = {"content-type": f'application/soap+xml; charset=UTF-8; action="{QUERY}"'}
        return self._asked("POST", "/xds/registry", headers, body)

    def feed(self) -> bool:
        try:
            return fed(self.wire, self.mllp)
        except OSError:
            return False

    def let_in(self) -> tuple[bool, bool, bool]:
        return self.soap(), self.fhir(), self.feed()

    def _asked(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bool:
        """Whether a request is answered; while the database is busy nothing is decided."""
        status = BUSY
        while status == BUSY:
            self.https.request(method, path, body=body, headers=headers)
            response = self.https.getresponse()
            response.read()
            status = response.status
        assert status in {200, 400, 401, 403}, status
        return status == 200


def fed(wire: Wire, line: ssl.SSLSocket) -> bool:
    """Whether a feed is accepted; who is refused has its connection closed."""
    root = wire.settings.domain.affinity_oid
    line.sendall(
        b"\x0b"
        + (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{uuid4().hex[:20]}|P|2.3.1\r"
            f"EVN|A01|20260101120000\rPID|1||{PATIENT}^^^&{root}&ISO||TEST^IDENTITY||19700101|F\rPV1|1|O\r"
        ).encode()
        + b"\x1c\r"
    )
    answer = b""
    while not answer.endswith(b"\x1c\r"):
        part = line.recv(65_536)
        if not part:
            return False
        answer += part
    return b"MSA|AA" in answer


def fed_anew(wire: Wire) -> bool:
    with mllp(wire) as line:
        return fed(wire, line)


def mllp(wire: Wire) -> ssl.SSLSocket:
    plain = socket.create_connection(("localhost", wire.settings.server.mllp_port), timeout=10)
    return wire.context("hospital").wrap_socket(plain, server_hostname="localhost")


def worker(wire: Wire, transaction: str) -> str:
    """The process that has told of the newest request of a transaction; others may tell of something else."""
    told = [message for message, _ in wire.rows() if f'csd-code="{transaction}"' in message]
    found = re.findall(r'UserID="https:[^"]+" AlternativeUserID="(\d+)"', told[-1])
    return str(found[0])


def kept(wire: Wire, found: dict[str, Any], line: Any, transaction: str) -> None:
    """Keeps a line to a worker that has none yet, and closes any other.

    Without a transaction it was refused: that worker does not know yet who was let in again.
    """
    name = worker(wire, transaction) if transaction else ""
    if name and name not in found:
        found[name] = line
    else:
        line.close()


@pytest.fixture
def lines(pair: Wire) -> Iterator[list[Lines]]:
    """Connections to each of the two workers, all open before anything is contained."""
    with contextlib.ExitStack() as stack:
        assertion = pair.assertion()
        https: dict[str, http.client.HTTPSConnection] = {}
        feeds: dict[str, ssl.SSLSocket] = {}
        began = time.monotonic()
        while len(https) < 2 or len(feeds) < 2:
            assert time.monotonic() - began < 2 * DEADLINE, "both workers answer on both ports"
            connection = stack.enter_context(contextlib.closing(pair.connect("hospital")))
            answered = Lines(pair, connection, None, assertion).fhir()  # type: ignore[arg-type]
            kept(pair, https, connection, "ITI-67" if answered else "")
            line = stack.enter_context(mllp(pair))
            kept(pair, feeds, line, "ITI-8" if fed(pair, line) else "")
        yield [Lines(pair, https[each], feeds[each], assertion) for each in https]


@pytest.mark.parametrize(
    ("kind", "name", "feeds"),
    [
        ("person", "dr.weber", True),
        ("node", "hospital", False),
        ("organisation", "urn:oid:2.999.2.1", False),
        ("issuer", "", True),
        ("token", "", True),
    ],
)
def test_what_an_incident_shuts_out_is_out_at_once_everywhere(
    pair: Wire,
    lines: list[Lines],
    kind: str,
    name: str,
    feeds: bool,  # noqa: FBT001
) -> None:
    assertion = pair.assertion()
    for each in lines:
        each.assertion = assertion
    identifier = re.search(rb'ID="([^"]+)"', assertion)
    assert identifier is not None
    found = {"issuer": pair.settings.assertions.issuers[0].entity_id, "token": identifier[1].decode()}
    named = (f"--{kind}", found.get(kind, name), "--reason", "stolen")
    assert [each.let_in() for each in lines] == [(True, True, True)] * 2

    said(pair, "contain", "1", *named)
    began = time.monotonic()
    out = (False, False, feeds)
    while [each.let_in() for each in lines] != [out] * 2:
        assert time.monotonic() - began < DEADLINE
    assert time.monotonic() - began < DEADLINE
    assert [each.let_in() for each in lines] == [out] * 2, "and stays out"
    with contextlib.closing(pair.connect("hospital")) as fresh, mllp(pair) as line:
        assert Lines(pair, fresh, line, assertion).let_in() == out, "on a new connection as well"
    told = [
        message for message, _ in pair.rows() if "(incident 1)" in message and "revoked: stolen" in message
    ]
    assert '"110137"' in told[-1]
    assert f"{kind} {found.get(kind, name)} revoked" in told[-1]

    assert "another person" in said(pair, "lift", "1", *named)
    assert [each.let_in() for each in lines] == [out] * 2, "one alone lets nobody in"
    assert "let in again" in said(pair, "lift", "1", *named, by="bob")
    pair.until(lambda: [each.let_in()[:2] for each in lines] == [(True, True)] * 2, DEADLINE)
    pair.until(lambda: all(fed_anew(pair) for _ in range(4)), DEADLINE)
