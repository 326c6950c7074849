"""A small witness of its own (C2SP tlog-witness): remembers one checkpoint a log, checks growth, cosigns."""

from __future__ import annotations

import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def _material(key: Ed25519PrivateKey) -> bytes:
    return b"\x04" + key.public_key().public_bytes_raw()


def _key_id(key: Ed25519PrivateKey, name: str) -> bytes:
    return sha256(f"{name}\n".encode() + _material(key)).digest()[:4]


def verifier_key(key: Ed25519PrivateKey, name: str) -> str:
    """The text that those who trust the witness configure."""
    return f"{name}+{_key_id(key, name).hex()}+{b64encode(_material(key)).decode()}"


def cosign(key: Ed25519PrivateKey, name: str, note: str, at: int) -> str:
    """A cosignature/v1 line without its newline."""
    body = note[: note.rindex("\n\n") + 1]
    signature = key.sign(f"cosignature/v1\ntime {at}\n{body}".encode())
    blob = _key_id(key, name) + at.to_bytes(8, "big") + signature
    return f"— {name} {b64encode(blob).decode()}"


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def grows(old: int, size: int, before: bytes, after: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, as it stands there."""
    if old == size:
        return not proof and before == after
    nodes = [before, *proof] if old & (old - 1) == 0 else list(proof)
    if not nodes:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for each in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(each, fr), _node(each, sr)
            while fn != 0 and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, each)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (before, after, 0)


@dataclass
class Witness:
    """Knows the P-256 keys of logs by their origins."""

    logs: dict[str, ec.EllipticCurvePublicKey] = field(default_factory=dict)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    name: str = "witness.example/w1"
    seen: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    down: bool = False
    url: str = ""

    @property
    def verifier(self) -> str:
        return verifier_key(self.key, self.name)

    def add_checkpoint(self, body: str) -> tuple[int, str]:
        """Status and body of the answer."""
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        old = int(first.removeprefix("old "))
        text, _, signatures = note.rpartition("\n\n")
        origin, size, root, *_ = text.split("\n")
        if origin not in self.logs:
            return 404, ""
        if not self._signed(origin, f"{text}\n", signatures):
            return 403, ""
        if old > int(size):
            return 400, ""
        last, before = self.seen.get(origin, (0, b""))
        if old != last:
            return 409, f"{last}\n"
        nodes, after = [b64decode(each) for each in proof], b64decode(root)
        if (old == 0 and proof) or (old and not grows(old, int(size), before, after, nodes)):
            return 422, ""
        self.seen[origin] = (int(size), after)
        stranger = cosign(Ed25519PrivateKey.generate(), "witness.example/other", note, int(time.time()))
        return 200, f"{stranger}\n{cosign(self.key, self.name, note, int(time.time()))}\n"

    def _signed(self, origin: str, text: str, signatures: str) -> bool:
        key = self.logs[origin]
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for line in signatures.rstrip("\n").split("\n"):
            _, name, encoded = line.split(" ")
            blob = b64decode(encoded)
            if name == origin and blob[:4] == sha256(spki).digest()[:4]:
                try:
                    key.verify(blob[4:], text.encode(), ec.ECDSA(hashes.SHA256()))
                except InvalidSignature:
                    return False
                return True
        return False

    @contextmanager
    def serving(self) -> Iterator[Witness]:
        """Answers over HTTP while the block lasts."""
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, body = (503, "") if witness.down else (404, "")
                if not witness.down and self.path == "/add-checkpoint":
                    status, body = witness.add_checkpoint(text)
                witness.answers.append(status)
                self.send_response(status)
                self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        witness.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield witness
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
