"""A real time stamping authority: OpenSSL behind a small HTTP server, which can also misbehave."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "2.999.7.1"
OTHER_POLICY = "2.999.7.2"
LONGEST = 20.0
"""Seconds for which nobody waits."""
_CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/{who}.pem
certs = {folder}/authority.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = {policy}
other_policies = {other}
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass
class Tsa:
    """Gives stamps with `openssl ts`; `mode` says how it behaves."""

    folder: Path
    mode: str = "good"
    asked: list[bytes] = field(default_factory=list)
    url: str = ""
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def trust(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def authorities(self) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(self.trust.read_bytes())

    @classmethod
    def create(cls, folder: Path) -> Tsa:
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        root = rsa.generate_private_key(65537, 2048)
        key = rsa.generate_private_key(65537, 2048)
        first = cls._issue(_name("Stamp Root"), root, _name("Stamp Root"), root, now, authority=True)
        (folder / "authority.pem").write_bytes(first.public_bytes(serialization.Encoding.PEM))
        for who, since in (("tsa", now), ("expired", now - timedelta(days=60))):
            made = cls._issue(_name("Stamp Root"), root, _name(who), key, since, authority=False)
            (folder / f"{who}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "tsa.key").write_bytes(pem)
        (folder / "serial").write_text("01")
        for who, digests in (("tsa", "sha256, sha512"), ("expired", "sha512"), ("picky", "sha256")):
            certificate = "expired" if who == "expired" else "tsa"
            text = _CONFIG.format(
                folder=folder, who=certificate, policy=POLICY, other=OTHER_POLICY, digests=digests
            )
            (folder / f"{who}.cnf").write_text(text)
        return cls(folder)

    @staticmethod
    def _issue(
        issuer: x509.Name, issuer_key: Any, name: x509.Name, key: Any, since: datetime, *, authority: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .issuer_name(issuer)
            .subject_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since - timedelta(days=1))
            .not_valid_after(since + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not authority:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(issuer_key, hashes.SHA256())

    def reply(self, query: bytes) -> bytes:
        """What is answered to a request, as the mode says; one at a time, for the files."""
        with self.turn:
            return self._reply(query)

    def _reply(self, query: bytes) -> bytes:
        self.asked.append(query)
        if self.mode == "nonce":
            query = _changed(query, -4)
        elif self.mode == "hash":
            query = _changed(query, 40)
        name = {"expired": "expired", "rejected": "picky"}.get(self.mode, "tsa")
        asked, given = self.folder / "query.tsq", self.folder / "reply.tsr"
        asked.write_bytes(query)
        given.unlink(missing_ok=True)
        command = ["openssl", "ts", "-reply", "-config", self.folder / f"{name}.cnf"]
        subprocess.run([*command, "-queryfile", asked, "-out", given], check=True, capture_output=True)
        return given.read_bytes()

    @contextmanager
    def serving(self) -> Iterator[Tsa]:
        """Answers over HTTP while the block lasts."""
        tsa = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                if tsa.mode == "slow":
                    self.connection.settimeout(LONGEST)
                    with suppress(OSError):
                        self.rfile.read(1)  # ends when whoever asked has given up
                    return
                if tsa.mode == "down":
                    self.send_error(503)
                    return
                body = b"nonsense" if tsa.mode == "nonsense" else tsa.reply(query)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with suppress(ConnectionError):  # whoever asked may have given up
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        tsa.url = f"http://127.0.0.1:{server.server_address[1]}/"
        try:
            yield tsa
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _changed(query: bytes, at: int) -> bytes:
    changed = bytearray(query)
    changed[at] ^= 0x01
    return bytes(changed)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tsa]:
    """An authority of its own for the tests of a module."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    with Tsa.create(tmp_path_factory.mktemp("tsa")).serving() as serving:
        yield serving
