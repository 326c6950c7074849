"""An installation with operators of the directory, served by two workers; its bastions and trails."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.operatordesk import opened
from gateway.cli.settings import load_settings
from gateway.cli.started import free_ports, prepare, serving
from gateway.client.session import Identity
from gateway.crypto import pki
from gateway.identity.operators import Login

BASTION = "bastion"
WAIT = 10.0


@dataclass
class Receiver:
    """A syslog receiver over TLS (RFC 5425); `lines` is what came."""

    port: int = 0
    lines: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        """Until the listener is closed; each connection has a thread of its own."""
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(sock, context), daemon=True).start()

    def _take(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        with contextlib.suppress(OSError, ValueError), context.wrap_socket(sock, server_side=True) as tls:
            stream = tls.makefile("rb")
            while size := _digits(stream):
                self.lines.append(stream.read(size).decode())


def _digits(stream: Any) -> int:
    found = b""
    while (octet := stream.read(1)) not in {b" ", b""}:
        found += octet
    return int(found or b"0")


@dataclass
class Operating:
    """The installation. Asks its operators' listener with a certificate of the folder `pki/clients`."""

    config: Path
    receiver: Receiver
    secrets: dict[str, pyotp.TOTP] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = load_settings(self.config)

    @property
    def home(self) -> Path:
        return self.config.parent

    def issue(self, name: str, environment: str = "integration") -> bytes:
        """A client certificate of this installation's authority, as stamped; gives it in DER."""
        folder = self.home / "pki"
        authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
        authority = pki.Authority(authority.certificate, authority.key, environment)
        key = pki.create_key()
        issued = pki.issue_client(authority, name, "Operators", key.public_key(), datetime.now(UTC))
        pki.write_key(folder / f"clients/{name}.key", key)
        pki.write_pem(folder / f"clients/{name}.pem", issued)
        return issued.public_bytes(Encoding.DER)

    def context(self, name: str | None) -> ssl.SSLContext:
        if name is None:
            return ssl.create_default_context(cafile=str(self.home / "pki/trust.pem"))
        return Identity.in_folder(self.home, name, signs=False).context()

    def ask(
        self,
        method: str,
        path: str,
        told: Any = None,
        *,
        name: str | None = BASTION,
        token: str = "",
        port: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """One request to the operators' listener, on a connection of its own; status and JSON or text."""
        place = self.settings.server.admin_port if port is None else port
        connection = http.client.HTTPSConnection("localhost", place, context=self.context(name), timeout=WAIT)
        given = {"content-type": "application/json", **(headers or {})}
        if token:
            given["authorization"] = f"Bearer {token}"
        body = told if isinstance(told, bytes) or told is None else json.dumps(told).encode()
        with contextlib.closing(connection):
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text.decode("utf-8", "replace")

    async def enrol(self, login: str) -> None:
        """A second factor, as the command does it."""
        async with opened(self.settings) as (desk, _):
            address = await desk.enrol(Login(login, f"correct horse {login}", "", "machine:test"))
        found = pyotp.parse_uri(address)
        assert isinstance(found, pyotp.TOTP)
        self.secrets[login] = found

    def credentials(self, login: str) -> dict[str, str]:
        """What a login sends, with a code that was not used yet."""
        self.forget(login)
        code = self.secrets[login].now() if login in self.secrets else "000000"
        return {"login": login, "password": f"correct horse {login}", "code": code}

    def forget(self, login: str) -> None:
        """Lets the code of this step count again, so that tests need not wait for the next."""
        self.execute("UPDATE operator_factor SET last_step = 0 WHERE login = ?", login)

    def login(self, login: str) -> str:
        status, told = self.ask("POST", "/operators/login", self.credentials(login))
        assert status == 200, told
        return str(told["token"])

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path, timeout=WAIT)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def trail(self, after: int = 0, least: int = 0) -> list[str]:
        """The operators' trail, once it has so many lines behind the first."""
        return self._until("SELECT line FROM operator_event ORDER BY key", after, least)

    def audit(self, after: int = 0, least: int = 0) -> list[str]:
        """The patients' trail."""
        return self._until("SELECT message FROM audit ORDER BY id", after, least)

    def _until(self, query: str, after: int, least: int) -> list[str]:
        deadline = time.monotonic() + WAIT
        while len(found := self.execute(query)[after:]) < least and time.monotonic() < deadline:
            time.sleep(0.02)
        return [row[0] for row in found]


@pytest.fixture(scope="session")
def operating(directory: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operating]:
    """The running installation; alice (security officer) and heidi (node manager) can log in."""
    receiver = Receiver()
    changes = {**directory.changes, "operators.health_port": str(free_ports(1)[0])}
    config = prepare(tmp_path_factory.mktemp("operating") / "home", changes, watched=False)
    found = Operating(config, receiver)
    listener = socket.create_server(("127.0.0.1", 0))
    receiver.port = listener.getsockname()[1]
    bastions = [sha256(found.issue(name)).hexdigest() for name in (BASTION, "bastion-2")]
    bastions.append(sha256(found.issue("bastion-of-prod", "prod")).hexdigest())
    hospital = config.parent / "nodes/hospital.toml"
    hospital.write_text(hospital.read_text().replace('"ITI-18"', '"ITI-18", "ITI-71"', 1))
    # A partner system that is listed by mistake is no bastion all the same.
    bastions.append(sha256(certificate(found.home, "hospital")).hexdigest())
    lines = {
        "# bastions = []": f"bastions = {json.dumps(bastions)}",
        '# syslog = ""': f'syslog = "tls://localhost:{receiver.port}"',
    }
    text = config.read_text()
    for old, new in lines.items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    found.settings = load_settings(config)
    threading.Thread(target=receiver.serve, args=(listener, receiving(found.home)), daemon=True).start()
    try:
        with serving(config, workers=2):
            yield found
    finally:
        listener.close()


def receiving(home: Path) -> ssl.SSLContext:
    server = home / "pki/server.pem"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(home / "pki/trust.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(server, server.with_suffix(".key"))
    return context


def certificate(home: Path, name: str) -> bytes:
    pem = (home / f"pki/clients/{name}.pem").read_bytes()
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
