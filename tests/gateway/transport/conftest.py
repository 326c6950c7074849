"""A running listener in a thread, a certificate factory, and raw clients."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.cli.init import create
from gateway.config import Settings, load
from gateway.crypto import pki
from gateway.transport.gate import Failure, Peer, bind
from gateway.transport.https import HttpServer
from gateway.transport.mllp import MllpServer
from gateway.transport.tls import ServerTls

NOW = datetime.now(UTC)
WAIT = 5.0


@dataclass
class Seen:
    """What a listener reported; `failed` and `abused` wait for the next report."""

    failures: list[tuple[Peer, Failure, str]] = field(default_factory=list)
    abuses: list[tuple[Peer, str]] = field(default_factory=list)
    alerts: list[Exception] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def on_failure(self, peer: Peer, failure: Failure, detail: str) -> None:
        with self.news:
            self.failures.append((peer, failure, detail))
            self.news.notify_all()

    def on_abuse(self, peer: Peer, detail: str) -> None:
        with self.news:
            self.abuses.append((peer, detail))
            self.news.notify_all()

    def failed(self) -> tuple[Failure, str]:
        with self.news:
            assert self.news.wait_for(lambda: self.failures, WAIT), "no failure was reported"
            _, failure, detail = self.failures.pop(0)
        return failure, detail

    def abused(self) -> str:
        with self.news:
            assert self.news.wait_for(lambda: self.abuses, WAIT), "no abuse was reported"
            return self.abuses.pop(0)[1]


@dataclass
class Running:
    """A listener at `port`, and what it reports."""

    port: int
    seen: Seen
    settings: Settings
    stop: Callable[[], None]
    ended: Callable[[], None]

    def connect(self, context: ssl.SSLContext | None = None) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)
        if context is None:
            return sock
        try:
            return context.wrap_socket(sock, server_hostname="localhost")
        except OSError:
            sock.close()
            raise

    def refused_with(self, context: ssl.SSLContext) -> str:
        """Connect and read; what TLS says when the listener refuses."""
        try:
            with self.connect(context) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = sock.recv(100)
        except ssl.SSLError as error:
            return error.reason or "?"
        return f"answered {answer!r}"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gateway") / "conf"
    create(path, "integration")
    return path


@pytest.fixture
def settings(folder: Path) -> Settings:
    return load(folder / "passerelle.toml")


class Certificates:
    """Client contexts of every kind, good and bad. Files go to a folder of their own."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work
        self.authority = pki.load_authority(
            folder / "pki/authority.pem", folder / "pki/authority.key", "integration"
        )

    def client(self, name: str = "hospital") -> ssl.SSLContext:
        stem = self.folder / "pki/clients" / name
        return self.context(stem.with_suffix(".pem"), stem.with_suffix(".key"))

    def context(self, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "pki/trust.pem")
        if certificate is not None:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.load_cert_chain(certificate, key)
        return context

    def certificate(
        self,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        *,
        authority: pki.Authority | None = None,
        starts: timedelta = timedelta(hours=-1),
        ends: timedelta = timedelta(days=1),
        name: str = "hospital",
        purpose: x509.ObjectIdentifier = x509.ExtendedKeyUsageOID.CLIENT_AUTH,
        digest: hashes.HashAlgorithm | None = None,
        self_signed: bool = False,
    ) -> x509.Certificate:
        authority = authority or self.authority
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            issuer_name=subject if self_signed else authority.certificate.subject,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=NOW + starts,
            not_valid_after=NOW + ends,
        ).add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(key if self_signed else authority.key, digest or hashes.SHA256())

    def of(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, **kind: object) -> ssl.SSLContext:
        certificate = self.certificate(key, **kind)  # type: ignore[arg-type]
        return self.held(certificate.public_bytes(serialization.Encoding.PEM), key)

    def held(self, pem: bytes, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> ssl.SSLContext:
        (self.work / "c.pem").write_bytes(pem)
        (self.work / "c.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return self.context(self.work / "c.pem", self.work / "c.key")


@pytest.fixture
def certificates(folder: Path, tmp_path: Path) -> Certificates:
    return Certificates(folder, tmp_path)


Loop = Callable[[], asyncio.AbstractEventLoop]


class Listeners:
    """Starts listeners, each in a thread with its own event loop; ends them all at the end of the test."""

    def __init__(self, settings: Settings, stack: contextlib.ExitStack) -> None:
        self.settings = settings
        self._stack = stack

    def http(self, app: object, loop: Loop = uvloop.new_event_loop, **limits: float) -> Running:
        settings = _limited(self.settings, limits)

        def make(tls: ServerTls, listener: socket.socket, seen: Seen) -> HttpServer:
            return HttpServer(
                app, settings.limits, tls, [listener], on_failure=seen.on_failure, on_abuse=seen.on_abuse
            )

        return self._stack.enter_context(_running(settings, make, loop))

    def mllp(
        self, handler: object, admit: object, loop: Loop = uvloop.new_event_loop, **limits: float
    ) -> Running:
        settings = _limited(self.settings, limits)

        def make(tls: ServerTls, listener: socket.socket, seen: Seen) -> MllpServer:
            return MllpServer(
                handler,
                tls,
                settings.limits,
                [listener],
                admit=admit,
                on_failure=seen.on_failure,
                on_abuse=seen.on_abuse,
            )

        return self._stack.enter_context(_running(settings, make, loop))


def _limited(settings: Settings, limits: dict[str, float]) -> Settings:
    return replace(settings, limits=replace(settings.limits, **limits))


@contextlib.contextmanager
def _running(
    settings: Settings, make: Callable[..., HttpServer | MllpServer], factory: Loop
) -> Iterator[Running]:
    seen = Seen()
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    started = threading.Event()
    ends: list[Callable[[], None]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        ends.append(lambda: loop.call_soon_threadsafe(ended.set))
        server = make(ServerTls(settings.tls, alert=seen.alerts.append), listener, seen)
        server.start()
        started.set()
        await ended.wait()
        await server.stop(1.0)

    def thread() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    worker = threading.Thread(target=thread, daemon=True)
    worker.start()
    assert started.wait(WAIT)

    def ended() -> None:
        worker.join(WAIT)
        assert not worker.is_alive()

    def stop() -> None:
        if worker.is_alive():
            ends[0]()

    try:
        yield Running(port, seen, settings, stop, ended)
    finally:
        stop()
        ended()


@pytest.fixture
def listeners(settings: Settings) -> Iterator[Listeners]:
    with contextlib.ExitStack() as stack:
        yield Listeners(settings, stack)


LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=LOOPS)
def each_loop(request: pytest.FixtureRequest) -> Loop:
    return LOOPS[request.param]
