"""A stub of a gateway: HTTPS and MLLP over TLS on loopback, with answers that a test decides on."""

import datetime as dt
import http.server
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, secret


@dataclass(frozen=True)
class Stub:
    https: int
    mllp: int
    trust: Path
    certificate: Path
    key: Path


# content type and body of a request -> HTTP status, content type and body of the answer
Post = Callable[[str, bytes], tuple[int, str, bytes]]
# a message -> its acknowledgement, and whether to close the connection after it
Message = Callable[[bytes], tuple[bytes, bool]]


@contextmanager
def running(folder: Path, post: Post, message: Message) -> Iterator[Stub]:
    server, server_key = make_certificate(folder, "server")
    client, client_key = make_certificate(folder, "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server, server_key)
    context.load_verify_locations(client)
    context.verify_mode = ssl.CERT_REQUIRED

    class Http(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status, content_type, body = post(self.headers["Content-Type"], content)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Mllp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            received = b""
            while chunk := self.connection.recv(65536):
                received += chunk
                if received.endswith(b"\x1c\x0d"):
                    reply, close = message(received[1:-2])
                    self.connection.sendall(b"\x0b" + reply + b"\x1c\x0d")
                    received = b""
                    if close:
                        return

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Http) as web,
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mllp) as hl7,
    ):
        for listener in (web, hl7):
            listener.daemon_threads = True
            listener.block_on_close = False
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
            threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield Stub(
                web.server_address[1], hl7.server_address[1], trust=server, certificate=client, key=client_key
            )
        finally:
            web.shutdown()
            hl7.shutdown()


def accept(message: bytes) -> tuple[bytes, bool]:
    """AA for everything."""
    control = message.split(b"\r")[0].split(b"|")[9]
    return b"MSH|^~\\&|R|A|S|F|20260101||ACK^A01|1|P|2.3.1\rMSA|AA|" + control + b"\r", False
