"""Keys of an authorization server: fetched only from where configuration says, not too often (JWT-09)."""

from __future__ import annotations

import asyncio
import http.server
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from gateway.crypto import pki
from gateway.errors import SettingsInvalid
from gateway.identity.issuers.discovery import LARGEST, DiscoverySource

PATH = "/.well-known/openid-configuration"


class Server(http.server.ThreadingHTTPServer):
    """Answers with what stands in `pages`, and notes what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def publish(self, **metadata: str) -> None:
        told = {"issuer": self.base, "jwks_uri": f"{self.base}/keys", **metadata}
        self.pages[PATH] = 200, orjson.dumps(told)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(self.path)
        status, body = server.pages.get(self.path, (404, b""))
        self.send_response(status)
        if status == 302:
            self.send_header("location", body.decode())
            body = b""
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, now = tmp_path_factory.mktemp("discovery"), datetime.now(UTC)
    for name in ("ours", "theirs"):
        authority, key = pki.create_authority(name, "integration", now), pki.create_key()
        pki.write_pem(folder / f"{name}.pem", authority.certificate)
        pki.write_key(folder / f"{name}-server.key", key)
        certificate = pki.issue_server(authority, key.public_key(), now, ("localhost",))
        pki.write_pem(folder / f"{name}-server.pem", certificate)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    found = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ours-server.pem", folder / "ours-server.key")
    found.socket = context.wrap_socket(found.socket, server_side=True)
    found.publish()
    found.pages["/keys"] = 200, key_set("k1")
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def key_set(*kids: str) -> bytes:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    told = ECKey.import_key(public).as_dict(private=False)  # type: ignore[arg-type]
    return orjson.dumps({"keys": [{**told, "kid": kid} for kid in kids]})


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def problems() -> list[SettingsInvalid]:
    return []


@pytest.fixture
def make(server: Server, folder: Path, clock: Clock, problems: list[SettingsInvalid]) -> Any:
    def build(**changes: Any) -> DiscoverySource:
        options = {
            "grace": timedelta(seconds=300),
            "refresh": timedelta(hours=1),
            "keep": timedelta(days=1),
            "minimum_rsa": 3072,
            "alert": problems.append,
            "clock": clock,
            "trust": folder / "ours.pem",
            **changes,
        }
        trust = options.pop("trust")
        return DiscoverySource(server.base, f"{server.base}{PATH}", trust, **options)

    return build


def kids(source: DiscoverySource, at: datetime | None = None) -> list[str]:
    return [key.kid for key in source.ring.active(at or datetime.now(UTC))]


def fetched(source: DiscoverySource) -> DiscoverySource:
    asyncio.run(source.fetch())
    return source


def test_keys_are_fetched(make: Any, server: Server) -> None:
    source = make()
    assert source.due()
    assert kids(fetched(source)) == ["k1"]
    assert source.look(datetime.now(UTC))
    assert not source.look(datetime.now(UTC)), "told once"
    assert server.asked == [PATH, "/keys"]


def test_jwt_09_at_most_one_fetch_a_minute(make: Any, server: Server, clock: Clock) -> None:
    source = fetched(make())
    server.pages["/keys"] = 200, key_set("k2")
    for _ in range(10_000):
        source.wanted()
        assert not source.due()
    clock.now += 59
    assert not source.due()
    clock.now += 1
    assert source.due()
    fetched(source)
    clock.now += 59
    source.wanted()
    assert not source.due()
    assert server.asked.count("/keys") == 2
    now = datetime.now(UTC)
    assert kids(source) == ["k2", "k1"], "k1 in its grace"
    assert kids(source, now + timedelta(seconds=301)) == ["k2"]


def test_without_need_it_waits(make: Any, clock: Clock) -> None:
    source = fetched(make())
    clock.now += 3_599
    assert not source.due()
    clock.now += 1
    assert source.due()


def test_the_last_good_keys_are_kept_for_a_time(
    make: Any, server: Server, clock: Clock, problems: list[SettingsInvalid]
) -> None:
    source = fetched(make())
    server.pages["/keys"] = 500, b""
    clock.now += 3_600
    fetched(source)
    fetched(source)
    assert kids(source) == ["k1"]
    assert len(problems) == 1, "told once"
    assert kids(source, datetime.now(UTC) + timedelta(days=1, seconds=1)) == []


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://localhost"},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "http://localhost/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://localhost:1@evil.example/keys"},
    ],
)
def test_metadata_that_is_not_believed(
    make: Any, server: Server, problems: list[SettingsInvalid], metadata: dict[str, str]
) -> None:
    server.publish(**metadata)
    assert kids(fetched(make())) == []
    assert server.asked == [PATH], "nothing else was called"
    assert len(problems) == 1


def test_a_listed_host_for_keys(make: Any, server: Server) -> None:
    """By another name than that of the metadata."""
    port = server.server_address[1]
    server.publish(jwks_uri=f"https://127.0.0.1:{port}/keys")
    assert kids(fetched(make())) == []
    fetched(make(hosts=frozenset({f"127.0.0.1:{port}"})))
    assert server.asked == [PATH, PATH], "called now, though its certificate is of another name"


@pytest.mark.parametrize(
    "answer",
    [(302, b"/keys"), (200, b"{"), (200, b" " * (LARGEST + 1)), (200, b'{"keys":[{"kty":"oct","k":"AA"}]}')],
    ids=["redirect", "no-json", "large", "secret"],
)
def test_answers_that_are_not_taken(
    make: Any, server: Server, problems: list[SettingsInvalid], answer: tuple[int, bytes]
) -> None:
    server.pages["/keys"] = answer
    assert kids(fetched(make())) == []
    assert server.asked == [PATH, "/keys"], "no redirect is followed"
    assert len(problems) == 1


def test_another_authority(make: Any, server: Server, folder: Path) -> None:
    assert kids(fetched(make(trust=folder / "theirs.pem"))) == []
    assert server.asked == []
