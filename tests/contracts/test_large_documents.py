"""Documents too large for memory over the sockets of a running server: whole, broken, refused, given up."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Any

import httpx
import pytest
from cryptography import x509

from gateway.bindings.soap import SoapForm
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import started
from gateway.client import xds
from gateway.client.files import FileSink
from gateway.client.soap import Faulted, SoapClient
from gateway.crypto.envelope import CHUNK, sealed_size
from gateway.crypto.httpsig import Request, verify_response
from gateway.declare.bindings import Content
from gateway.pipeline.run import run
from gateway.record.people import Code

MIB = 1024 * 1024
SIZE = 48
ROOM = 64
WAIT = 10.0
PATIENT = "LARGE-1"
ACTION = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"


class Pattern:
    """Octets made while they are read, no two MiB alike; `changed` is one that differs when read again."""

    def __init__(self, mib: int, changed: int | None = None) -> None:
        self.size = mib * MIB
        self.changed = changed
        self.readings = 0
        self.block = os.urandom(MIB - 8)

    def chunks(self) -> Iterator[bytes]:
        self.readings += 1
        for number in range(self.size // MIB):
            piece = bytearray(number.to_bytes(8, "big") + self.block)
            if self.readings > 1 and number == self.changed:
                piece[100] ^= 1
            yield bytes(piece)

    def sha256(self) -> str:
        return digest(self.chunks())


def digest(chunks: Iterator[bytes]) -> str:
    running = hashlib.sha256()
    for chunk in chunks:
        running.update(chunk)
    return running.hexdigest()


@dataclass
class Server:
    """A running server with one known patient, and a partner that speaks to it."""

    process: subprocess.Popen[bytes]
    home: Path

    def __post_init__(self) -> None:
        self.settings = load_settings(self.home / "passerelle.toml")
        self.acting = Acting.at(self.settings, "hospital", "physician")
        root = self.settings.domain.affinity_oid
        fed = asyncio.run(
            self.acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A04|{os.urandom(5).hex()}|P|2.3.1\r"
                f"EVN|A04|20260101120000\rPID|1||{PATIENT}^^^&{root}&ISO||TEST^LARGE||19700101|F\r"
                "PV1|1|O\r".encode()
            )
        )
        assert b"MSA|AA" in fed

    def document(self, content: Content, **changes: Any) -> xds.Document:
        letter = Code("18842-5", "2.16.840.1.113883.6.1", "Letter")
        return xds.Document(
            large=content,
            unique_id=changes.pop("unique_id", xds.new_oid()),
            mime_type="application/octet-stream",
            title="Scan",
            patient=self.acting.full_id(PATIENT),
            class_code=letter,
            type_code=letter,
            format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
            confidentiality=Code("N", "2.16.840.1.113883.5.25", "normal"),
            author="a^Weber^Anne^^^^^^&2.999.2.1&ISO",
            institution="Test Hospital^^^^^^^^^2.999.2.1",
            created="20260101120000",
        )

    def provide(self, content: Content) -> str:
        document = self.document(content)

        async def send() -> None:
            async with self.acting.identity.http() as http:
                client = SoapClient(http=http, signer=self.acting.identity.signer)
                await xds.provide(client, self.acting.endpoints, [document], self.acting.assertion())

        asyncio.run(send())
        return document.unique_id

    def retrieve(self, unique_id: str, folder: Path) -> Content:
        return asyncio.run(self.acting.retrieve(unique_id, outside=lambda: FileSink(folder)))

    def message(self, content: Content) -> tuple[bytes, Iterator[bytes]]:
        """An ITI-41 as HTTP: its head, and its body in pieces."""
        client = SoapClient(http=None, signer=self.acting.identity.signer)  # type: ignore[arg-type]
        pieces = xds.provide_pieces([self.document(content)], xds.new_oid(), "2.999.1.4")
        url = f"{self.settings.server.public_url}/xds/repository"
        sealed = client.compose(url, ACTION, pieces, packaged=True, assertion=self.acting.assertion())
        head = (
            f"POST /xds/repository HTTP/1.1\r\nHost: localhost\r\nContent-Length: {sealed.size}\r\n"
            f"Content-Type: {sealed.headers['content-type']}\r\n\r\n"
        )
        return head.encode(), sealed.chunks()

    @contextlib.contextmanager
    def connection(self) -> Iterator[ssl.SSLSocket]:
        with socket.create_connection(("127.0.0.1", self.settings.server.port), timeout=WAIT) as plain:
            context = self.acting.identity.context()
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                yield tls

    def token(self) -> str:
        return "Bearer " + base64.urlsafe_b64encode(self.acting.assertion()).rstrip(b"=").decode()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def binary(self, unique_id: str) -> str:
        """The path of the document's Binary."""
        ((uuid,),) = self.query(f"SELECT uuid FROM entry WHERE unique_id = '{unique_id}'")  # noqa: S608
        return f"/fhir/Binary/{uuid.removeprefix('urn:uuid:')}"

    def blob(self, unique_id: str) -> Path:
        ((name,),) = self.query(f"SELECT blob FROM content WHERE unique_id = '{unique_id}'")  # noqa: S608
        return self.settings.content.directory / name[:2] / name

    def files(self, below: str = "") -> set[Path]:
        return {path for path in (self.settings.content.directory / below).rglob("*") if path.is_file()}

    def outcomes(self, after: int) -> list[int]:
        return [row[0] for row in self.query("SELECT outcome FROM audit ORDER BY id")[after:]]

    def audited(self) -> int:
        return len(self.outcomes(0))

    def memory(self, name: str = "VmRSS") -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]

    @contextlib.contextmanager
    def grows_less_than(self, mib: float) -> Iterator[None]:
        before = self.memory()
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")
        yield
        assert self.memory("VmHWM") - before < mib


def soon(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + WAIT
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("large") / "home"
    with started(home, changes={"limits.spool_bytes": str(ROOM * MIB)}, watched=False) as process:
        found = Server(process, home)
        found.provide(Pattern(2))
        yield found


@pytest.fixture(scope="module")
def stored(server: Server) -> tuple[str, Pattern]:
    """One large document that others read."""
    content = Pattern(SIZE)
    return server.provide(content), content


def test_in_and_out_in_bounded_memory(server: Server, tmp_path: Path) -> None:
    content, audited, files = Pattern(SIZE), server.audited(), server.files()
    with server.grows_less_than(SIZE * 0.6):
        unique_id = server.provide(content)
    assert server.files("incoming") == set()
    (blob,) = server.files() - files
    assert blob == server.blob(unique_id)
    assert blob.stat().st_size == sealed_size(content.size)
    with server.grows_less_than(SIZE * 0.6):
        found = server.retrieve(unique_id, tmp_path)
    assert digest(found.chunks()) == content.sha256()
    assert server.outcomes(audited) == [0, 0]


def test_a_binary_in_bounded_memory(server: Server, stored: tuple[str, Pattern]) -> None:
    unique_id, content = stored
    url = f"{server.settings.server.public_url}{server.binary(unique_id)}"
    with (
        server.grows_less_than(SIZE * 0.6),
        httpx.Client(verify=server.acting.identity.context(), trust_env=False, timeout=WAIT) as http,
    ):
        answer = http.get(url, headers={"authorization": server.token()})
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(content.size))
    assert hashlib.sha256(answer.content).hexdigest() == content.sha256()
    certificate = x509.load_pem_x509_certificate(server.settings.signing.certificate.read_bytes())
    asked, now = Request("GET", url, {}), datetime.now(UTC)
    verify_response(200, answer.headers, answer.content, asked, lambda _: certificate, now)


def test_the_commands_send_and_retrieve_files_without_holding_them(server: Server, tmp_path: Path) -> None:
    def command(*arguments: str) -> tuple[str, float]:
        with (tmp_path / "told").open("wb") as told:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gateway.cli",
                    *arguments,
                    "--config",
                    str(server.home / "passerelle.toml"),
                ],
                stdout=told,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return (tmp_path / "told").read_text(), usage.ru_maxrss / 1024

    peaks = []
    for mib in (2, SIZE):
        source, target, content = tmp_path / f"{mib}.bin", tmp_path / f"{mib}.out", Pattern(mib)
        with source.open("wb") as file:
            file.writelines(content.chunks())
        unique_id, sending = command("send", str(source), "--patient", PATIENT)
        told, fetching = command("retrieve", unique_id.strip(), "--output", str(target))
        assert f"{content.size} octets" in told
        assert target.read_bytes() == source.read_bytes()
        peaks.append((sending, fetching))
    assert max(after - before for before, after in zip(*peaks, strict=True)) < SIZE * 0.5
    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".bin", ".out"}, "nothing else is left"


def test_a_changed_document_is_refused_and_leaves_nothing(server: Server) -> None:
    files, audited = server.files(), server.audited()
    with pytest.raises(Faulted) as caught:
        server.provide(Pattern(SIZE, changed=SIZE - 1))
    assert caught.value.subcode == "wsse:FailedCheck"
    assert server.files() == files
    assert [outcome != 0 for outcome in server.outcomes(audited)] == [True]


def test_more_than_may_be_spooled_is_busy_and_leaves_nothing(server: Server) -> None:
    files, audited = server.files(), server.audited()
    with pytest.raises(Faulted) as caught:
        server.provide(Pattern(ROOM + 1))
    assert caught.value.status == 503
    assert server.files() == files
    assert [outcome != 0 for outcome in server.outcomes(audited)] == [True]
    server.provide(Pattern(ROOM - 1))


def test_a_sender_that_leaves_leaves_nothing(server: Server) -> None:
    files = server.files()
    head, chunks = server.message(Pattern(SIZE))
    with server.connection() as tls:
        tls.sendall(head)
        sent = 0
        while sent < SIZE * MIB // 2:
            sent += len(chunk := next(chunks))
            tls.sendall(chunk)
        assert soon(lambda: server.files("incoming"))
    assert soon(lambda: server.files() == files)


def test_what_breaks_a_rule_after_a_document_leaves_nothing(server: Server) -> None:
    """The answer comes when the rest was read, and the connection stays."""
    files = server.files()
    head, chunks = server.message(Pattern(2))
    body = b"".join(chunks)
    body = body.replace(body[-6:], b"\r\n" + b"x" * (3 * MIB))
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
    with server.connection() as tls:
        for _ in range(2):
            tls.sendall(head + body)
            answer = tls.recv(65536)
            assert answer.startswith(b"HTTP/1.1 400")
            assert b"closing boundary" in answer or b"closing boundary" in tls.recv(65536)
    assert server.files() == files


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        octet = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([octet[0] ^ 1]))


def test_a_changed_blob_does_not_leave(server: Server, tmp_path: Path) -> None:
    unique_id = server.provide(Pattern(8))
    flip(server.blob(unique_id), 5 * MIB)
    audited = server.audited()
    with pytest.raises(xds.RegistryFailure) as caught:
        server.retrieve(unique_id, tmp_path)
    assert caught.value.codes == ("XDSRepositoryError",)
    # The refused exchange, and the alert that what is stored cannot be opened.
    assert soon(lambda: [outcome != 0 for outcome in server.outcomes(audited)] == [True, True])
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_changes_while_it_leaves_breaks_the_answer_off(server: Server) -> None:
    unique_id = server.provide(Pattern(SIZE))
    path = server.binary(unique_id)
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {server.token()}\r\n\r\n"
    with server.connection() as tls:
        tls.sendall(ask.encode())
        received = len(tls.recv(1000))
        flip(server.blob(unique_id), -CHUNK)
        with contextlib.suppress(ConnectionError, ssl.SSLEOFError):
            while chunk := tls.recv(MIB):
                received += len(chunk)
    assert received < SIZE * MIB
    assert soon(lambda: b"answer broken off" in (server.home / "server.log").read_bytes())


def test_a_reader_that_leaves_holds_nothing_up(server: Server, stored: tuple[str, Pattern]) -> None:
    unique_id, _ = stored
    path = server.binary(unique_id)
    ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {server.token()}\r\n\r\n"
    with server.connection() as tls:
        tls.sendall(ask.encode())
        assert tls.recv(1000).startswith(b"HTTP/1.1 200")
    assert asyncio.run(server.acting.query(PATIENT))


class Noting(SoapForm):
    """Notes in which thread the work on octets was done."""

    threads: dict[str, int] = {}  # noqa: RUF012

    def prove(self, *arguments: Any) -> Any:
        self.threads["prove"] = get_ident()
        return super().prove(*arguments)

    def seal(self, *arguments: Any) -> Any:
        self.threads["seal"] = get_ident()
        return super().seal(*arguments)


@pytest.mark.parametrize(("size", "aside"), [(1000, False), (2 * MIB, True)])
def test_work_on_many_octets_holds_no_other_request_up(
    forge: Any, words: Any, size: int, *, aside: bool
) -> None:
    soap = forge.house.gateway.soap
    form = Noting(**{each.name: getattr(soap, each.name) for each in fields(soap)})
    given = words.document(forge.house, f"2.25.{size}", data=b"x" * size)
    for raw, work in ((forge.provide(given), "prove"), (forge.retrieve(given.unique_id), "seal")):
        answer = asyncio.run(run(raw, form, forge.house.gateway.engine))
        assert b"ResponseStatusType:Success" in answer.pieces[1]
        assert (form.threads[work] != get_ident()) is aside
