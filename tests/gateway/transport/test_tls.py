"""TLS-01 to TLS-14 and TLS-16 against a real listener, on both event loops; contexts and reload."""

import socket
import ssl
import struct
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.crypto import pki
from gateway.errors import SettingsInvalid
from gateway.transport.gate import Failure
from gateway.transport.tls import ServerTls, client_context, leaf_acceptable, server_context

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


async def hello(scope: Any, _receive: Any, send: Any) -> None:
    peer = scope["passerelle.peer"]
    body = f"{peer.tls_version} {len(peer.certificate)} {peer.host}".encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}
    )
    await send({"type": "http.response.body", "body": body})


def get(running: Any, context: Any) -> Any:
    with running.connect(context) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := sock.recv(65536):
            answer += chunk
    return answer


@pytest.fixture
def running(listeners: Any, each_loop: Any) -> Any:
    return listeners.http(hello, each_loop)


def lives(running: Any, certificates: Any) -> None:
    """After each case a normal request must succeed."""
    assert get(running, certificates.client()).startswith(b"HTTP/1.1 200 OK")


def test_good_certificate_reaches_the_application_with_its_peer(running: Any, certificates: Any) -> None:
    der = ssl.PEM_cert_to_DER_cert((certificates.folder / "pki/clients/hospital.pem").read_text())
    assert get(running, certificates.client()).endswith(f"TLSv1.3 {len(der)} 127.0.0.1".encode())
    assert running.seen.failures == []


def test_tls_1_2_is_the_floor(running: Any, certificates: Any) -> None:
    context = certificates.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert b"TLSv1.2" in get(running, context)


def test_tls_01_expired(running: Any, certificates: Any) -> None:
    context = certificates.of(pki.create_key(), starts=-2 * DAY, ends=-DAY)
    assert running.refused_with(context) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    assert running.seen.failed() == (Failure.CERTIFICATE, "certificate has expired")
    lives(running, certificates)


def test_tls_02_not_yet_valid(running: Any, certificates: Any) -> None:
    context = certificates.of(pki.create_key(), starts=DAY, ends=2 * DAY)
    assert "ALERT" in running.refused_with(context)
    assert running.seen.failed() == (Failure.CERTIFICATE, "certificate is not yet valid")


def test_tls_03_self_signed(running: Any, certificates: Any) -> None:
    context = certificates.of(pki.create_key(), self_signed=True)
    assert running.refused_with(context) == "TLSV1_ALERT_UNKNOWN_CA"
    assert running.seen.failed() == (Failure.CERTIFICATE, "self-signed certificate")


def test_tls_04_second_authority_of_the_same_name(running: Any, certificates: Any) -> None:
    other = pki.create_authority("Passerelle Test Authority", "integration", NOW)
    assert other.certificate.subject == certificates.authority.certificate.subject
    assert "ALERT" in running.refused_with(certificates.of(pki.create_key(), authority=other))
    assert running.seen.failed()[0] is Failure.CERTIFICATE


def test_tls_05_revoked(
    listeners: Any, settings: Any, each_loop: Any, certificates: Any, tmp_path: Any
) -> None:
    key = pki.create_key()
    certificate = certificates.certificate(key)
    crl = pki.revoke(
        certificates.authority, _crl(settings), certificate.serial_number, NOW + timedelta(seconds=2)
    )
    pki.write_pem(tmp_path / "crl.pem", crl)
    listeners.settings = replace(settings, tls=replace(settings.tls, crl=tmp_path / "crl.pem"))
    running = listeners.http(hello, each_loop)
    context = certificates.held(certificate.public_bytes(serialization.Encoding.PEM), key)
    assert running.refused_with(context) == "SSLV3_ALERT_CERTIFICATE_REVOKED"
    assert running.seen.failed() == (Failure.CERTIFICATE, "certificate revoked")
    lives(running, certificates)


def _crl(settings: Any) -> Any:
    return x509.load_pem_x509_crl(settings.tls.crl.read_bytes())


def test_tls_06_sha1_signature_on_the_certificate(running: Any, certificates: Any, tmp_path: Any) -> None:
    authority = certificates.folder / "pki/authority"
    key = _openssl_certificate(tmp_path, authority, "sha1", "ec:P-256")
    assert "ALERT" in running.refused_with(certificates.context(tmp_path / "weak.pem", key))
    assert running.seen.failed() == (Failure.CERTIFICATE, "CA signature digest algorithm too weak")
    lives(running, certificates)


def test_tls_06_md5_signature_on_the_certificate(
    listeners: Any, settings: Any, each_loop: Any, certificates: Any, tmp_path: Any
) -> None:
    """No MD5 with elliptic curves: an authority with an RSA key, trusted beside ours."""
    _openssl(tmp_path, "genrsa -out authority.key 3072")
    _openssl(tmp_path, "req -x509 -key authority.key -subj /CN=Other -days 2 -out authority.pem")
    trust = tmp_path / "trust.pem"
    trust.write_bytes(settings.tls.trust.read_bytes() + (tmp_path / "authority.pem").read_bytes())
    listeners.settings = replace(settings, tls=replace(settings.tls, trust=trust, crl=None))
    running = listeners.http(hello, each_loop)
    key = _openssl_certificate(tmp_path, tmp_path / "authority", "md5", "ec:P-256")
    assert "ALERT" in running.refused_with(certificates.context(tmp_path / "weak.pem", key))
    assert running.seen.failed() == (Failure.CERTIFICATE, "CA signature digest algorithm too weak")


def _openssl(folder: Any, arguments: Any) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)


def _openssl_certificate(folder: Any, authority: Any, digest: Any, kind: Any) -> Any:
    """What the cryptography package rightly refuses to make."""
    algorithm, _, size = kind.partition(":")
    option = {"ec": "ec_paramgen_curve", "rsa": "rsa_keygen_bits"}[algorithm]
    _openssl(folder, f"genpkey -algorithm {algorithm.upper()} -pkeyopt {option}:{size} -out weak.key")
    _openssl(folder, "req -new -key weak.key -subj /CN=hospital -out weak.csr")
    signer = f"-CA {authority}.pem -CAkey {authority}.key -set_serial 77"
    _openssl(folder, f"x509 -req -in weak.csr -{digest} -days 2 -out weak.pem {signer}")
    return folder / "weak.key"


@pytest.mark.parametrize("kind", ["rsa:1024", "ec:prime192v1"])
def test_tls_07_short_key(running: Any, certificates: Any, tmp_path: Any, kind: Any) -> None:
    key = _openssl_certificate(tmp_path, certificates.folder / "pki/authority", "sha256", kind)
    refused = running.refused_with(certificates.context(tmp_path / "weak.pem", key))
    assert "ALERT" in refused or "FAILURE" in refused
    # OpenSSL on the client's side does not even offer a certificate with such a curve.
    assert running.seen.failed()[0] in {Failure.CERTIFICATE, Failure.NO_CERTIFICATE}
    lives(running, certificates)


def test_tls_07_rsa_2048_gets_403_before_the_body(running: Any, certificates: Any) -> None:
    context = certificates.of(rsa.generate_private_key(65537, 2048))
    with running.connect(context) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 403 Forbidden")
    assert running.seen.failed() == (Failure.CERTIFICATE, "the key of the certificate is below the policy")
    lives(running, certificates)
    assert running.seen.failures == []
    assert running.seen.abuses == []


def test_tls_07_rsa_2048_is_served_under_the_legacy_flag(
    listeners: Any, settings: Any, certificates: Any
) -> None:
    listeners.settings = replace(settings, tls=replace(settings.tls, legacy_rsa_2048=True))
    running = listeners.http(hello)
    assert b"200 OK" in get(running, certificates.of(rsa.generate_private_key(65537, 2048)))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_08_old_versions(running: Any, certificates: Any, version: Any) -> None:
    context = certificates.client()
    context.minimum_version = context.maximum_version = version
    assert running.refused_with(context) == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert running.seen.failed() == (Failure.PROTOCOL, "unsupported protocol")
    lives(running, certificates)


def test_tls_09_no_certificate(running: Any, certificates: Any) -> None:
    assert running.refused_with(certificates.context(None, None)) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert running.seen.failed()[0] is Failure.NO_CERTIFICATE


def test_tls_10_server_purpose_only(running: Any, certificates: Any) -> None:
    context = certificates.of(pki.create_key(), purpose=ExtendedKeyUsageOID.SERVER_AUTH)
    assert "ALERT" in running.refused_with(context)
    assert running.seen.failed()[0] is Failure.CERTIFICATE


def test_tls_11_wrong_key(running: Any, certificates: Any) -> None:
    """The certificate of one, the signature of another: the Certificate message is replaced on its way."""
    context = certificates.of(pki.create_key(), name="stranger")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    stolen = ssl.PEM_cert_to_DER_cert((certificates.folder / "pki/clients/hospital.pem").read_text())
    with running.connect() as sock:
        assert _handshake_replacing_certificate(sock, context, stolen) == "TLSV1_ALERT_DECRYPT_ERROR"
    assert running.seen.failed() == (Failure.CERTIFICATE, "bad signature")


def _handshake_replacing_certificate(sock: Any, context: Any, der: Any) -> Any:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(_with_certificate(outgoing.read(), der))
            incoming.write(sock.recv(65536))
        except ssl.SSLError as error:
            return error.reason
        else:
            return "accepted"


def _with_certificate(records: Any, der: Any) -> Any:
    changed = b""
    while records:
        kind, version, size = struct.unpack(">BHH", records[:5])
        record, records = records[5 : 5 + size], records[5 + size :]
        if kind == 22 and record[0] == 11:
            chain = _length(len(der)) + der
            message = _length(len(chain)) + chain
            old = 4 + int.from_bytes(record[1:4])
            record = b"\x0b" + _length(len(message)) + message + record[old:]
        changed += struct.pack(">BHH", kind, version, len(record)) + record
    return changed


def _length(size: Any) -> Any:
    return size.to_bytes(3)


def test_tls_12_corrupted_certificate(running: Any, certificates: Any) -> None:
    key = pki.create_key()
    der = bytearray(certificates.certificate(key).public_bytes(serialization.Encoding.DER))
    der[-5] ^= 1
    context = certificates.held(ssl.DER_cert_to_PEM_cert(bytes(der)).encode(), key)
    assert "ALERT" in running.refused_with(context)
    assert running.seen.failed()[0] is Failure.CERTIFICATE


def test_tls_14_plain_http_is_closed_without_a_byte(running: Any, certificates: Any) -> None:
    with running.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in sock.recv(100)
    failure, _ = running.seen.failed()
    assert failure is Failure.NOT_TLS
    assert failure.abuse
    lives(running, certificates)


def test_tls_16_slow_handshakes_are_ended_and_others_served(
    listeners: Any, each_loop: Any, certificates: Any
) -> None:
    running = listeners.http(hello, each_loop, handshake_seconds=1)
    slow = [running.connect() for _ in range(100)]
    for sock in slow:
        sock.sendall(b"\x16")
    lives(running, certificates)
    began = time.monotonic()
    assert {closed(sock) for sock in slow} == {True}
    assert time.monotonic() - began < 3
    assert running.seen.failed()[0] is Failure.TIMEOUT


def closed(sock: Any) -> Any:
    with sock:
        try:
            return sock.recv(10) == b""
        except ConnectionResetError:
            return True


def test_a_peer_that_only_looks_is_no_failure(running: Any, certificates: Any) -> None:
    running.connect().close()
    lives(running, certificates)
    assert running.seen.failures == []


def test_crowded_listener_closes_newcomers(listeners: Any, certificates: Any) -> None:
    running = listeners.http(hello, https_connections=2)
    with running.connect(certificates.client()), running.connect(certificates.client()):
        with running.connect() as third:
            assert third.recv(10) == b""
        assert running.seen.failed()[0] is Failure.CROWDED


def test_aes_128_only_with_its_flag(listeners: Any, settings: Any, certificates: Any) -> None:
    context = certificates.client()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "ALERT" in listeners.http(hello).refused_with(context)
    listeners.settings = replace(settings, tls=replace(settings.tls, interoperability_aes_128=True))
    assert b"200 OK" in get(listeners.http(hello), context)


def test_context_offers_no_tickets_compression_or_renegotiation(settings: Any) -> None:
    context = server_context(settings.tls)
    assert context.options & ssl.OP_NO_TICKET
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.num_tickets == 0
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not [
        suite["name"]
        for suite in context.get_ciphers()
        if "DHE" not in suite["name"] and "TLS_" not in suite["name"]
    ]


def test_client_context_checks_the_name(settings: Any, listeners: Any) -> None:
    running = listeners.http(hello)
    context = client_context(settings.tls)
    mismatch = pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch")
    with socket.create_connection(("127.0.0.1", running.port)) as sock, mismatch:
        context.wrap_socket(sock, server_hostname="registry.example")


@pytest.fixture
def reloaded(settings: Any, tmp_path: Any) -> Any:
    """A ServerTls of copied files, with a clock to turn."""
    files = {}
    for name in ("certificate", "key", "trust", "crl"):
        files[name] = tmp_path / name
        files[name].write_bytes(getattr(settings.tls, name).read_bytes())
    alerts, clock = [], [0.0]
    tls = ServerTls(replace(settings.tls, **files), alert=alerts.append, clock=lambda: clock[0])
    return tls, files, alerts, clock


def test_unchanged_files_keep_the_context(reloaded: Any) -> None:
    tls, _, _, clock = reloaded
    first = tls.context()
    clock[0] = 5
    assert tls.context() is first


def test_changed_crl_counts_from_the_next_look(reloaded: Any, certificates: Any) -> None:
    tls, files, alerts, clock = reloaded
    first = tls.context()
    pki.write_pem(files["crl"], pki.empty_crl(certificates.authority, NOW + DAY))
    assert tls.context() is first
    clock[0] = 1.5
    assert tls.context() is not first
    assert alerts == []


def test_broken_file_keeps_the_last_good_context_and_alerts_once(reloaded: Any) -> None:
    tls, files, alerts, clock = reloaded
    first = tls.context()
    files["crl"].write_bytes(b"nonsense")
    for clock[0] in (2, 4, 6):
        assert tls.context() is first
    assert [type(alert) for alert in alerts] == [SettingsInvalid]


def test_missing_trust_is_named(settings: Any, tmp_path: Any) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        server_context(replace(settings.tls, trust=tmp_path / "none.pem"))
    assert refused.value.location == str(tmp_path / "none.pem")


def test_leaf_acceptable(certificates: Any) -> None:
    def der(key: Any) -> Any:
        return certificates.certificate(key).public_bytes(serialization.Encoding.DER)

    legacy = der(rsa.generate_private_key(65537, 2048))
    assert leaf_acceptable(der(pki.create_key()))
    assert leaf_acceptable(der(ec.generate_private_key(ec.SECP384R1())))
    assert leaf_acceptable(der(rsa.generate_private_key(65537, 3072)))
    assert not leaf_acceptable(legacy)
    assert leaf_acceptable(legacy, legacy_rsa_2048=True)
    assert not leaf_acceptable(b"no certificate")
