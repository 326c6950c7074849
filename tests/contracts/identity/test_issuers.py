"""Issuers over sockets: metadata, key sets, roll-over (JWT-09), our own tokens, encrypted assertions."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from gateway.config.settings import shipped
from gateway.crypto import pki
from gateway.crypto.keys import Signer, load_signer
from gateway.crypto.xmldsig import c14n, names
from gateway.crypto.xmldsig.signature import ENVELOPED_TRANSFORMS, reference_xml, signature_xml

Wire = Any
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
XENC, XENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
IDP = "urn:idp:by-metadata"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
X509 = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"


class Published(http.server.ThreadingHTTPServer):
    """An authorization server that publishes metadata and keys over TLS, and counts who asks."""

    issuer = ""
    keys = b""
    asked = 0

    @property
    def base(self) -> str:
        return f"https://localhost:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Any = self.server
        known = {
            "/.well-known/openid-configuration": {"issuer": server.issuer, "jwks_uri": f"{server.base}/keys"},
            "/keys": None,
        }
        told = known.get(self.path, {})
        body = server.keys if told is None else orjson.dumps(told)
        server.asked += told is None
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, authorities: SimpleNamespace) -> Iterator[Published]:
    folder, now = tmp_path_factory.mktemp("published"), datetime.now(UTC)
    authority, key = pki.create_authority("Token Authority", "integration", now), pki.create_key()
    certificate = pki.issue_server(authority, key.public_key(), now, ("localhost",))
    pki.write_key(folder / "server.key", key)
    pki.write_pem(folder / "server.pem", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server = Published(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.issuer, server.keys = server.base, authorities.second.key_set()
    server.trust = authority.certificate.public_bytes(serialization.Encoding.PEM)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def idp() -> SimpleNamespace:
    """An identity provider with two signing keys, and the federation that signs its metadata."""
    now = datetime.now(UTC)
    authority = pki.create_authority("Federation", "integration", now)

    def signer(name: str) -> Signer:
        key = pki.create_key()
        return Signer.of(key, pki.issue_signer(authority, name, key.public_key(), now))

    return SimpleNamespace(first=signer("first"), second=signer("second"), federation=signer("federation"))


def metadata(idp: SimpleNamespace, *signers: Signer, signed_by: Signer | None = None) -> bytes:
    """Metadata of the provider with these keys, signed."""
    keys = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{names.DS}"><ds:X509Data><ds:X509Certificate>'
        f"{b64encode(each.certificate).decode()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</md:KeyDescriptor>"
        for each in signers
    )
    until = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        f'<md:EntityDescriptor xmlns:md="{MD}" ID="_m" entityID="{IDP}" validUntil="{until}">'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{keys}'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )
    return signed_metadata(text.encode(), signed_by or idp.federation)


def signed_metadata(text: bytes, signer: Signer) -> bytes:
    """An enveloped signature, made as for an assertion."""
    root = etree.fromstring(text)
    reference = reference_xml("_m", sha256(c14n(root)).digest(), ENVELOPED_TRANSFORMS)
    info = b"<ds:X509Data></ds:X509Data>"
    root.insert(0, etree.fromstring(signature_xml([reference], info, signer)))
    return etree.tostring(root)


@pytest.fixture(scope="module")
def large() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072)


@pytest.fixture(scope="module")
def strict(
    tmp_path_factory: pytest.TempPathFactory,
    published: Published,
    idp: SimpleNamespace,
    large: rsa.RSAPrivateKey,
    authorities: SimpleNamespace,
    tools: SimpleNamespace,
) -> Iterator[Wire]:
    """A server with issuers of all kinds, a key for encrypted assertions, and its own policy."""
    home = tmp_path_factory.mktemp("issuers") / "home"
    pem = serialization.Encoding.PEM
    private = large.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = {
        "as.json": authorities.first.key_set("a1"),
        "as-ca.pem": published.trust,  # type: ignore[attr-defined]
        "idp.xml": metadata(idp, idp.first),
        "federation.pem": ssl.DER_cert_to_PEM_cert(idp.federation.certificate).encode(),
        "pki/decryption.key": private,
        **{f"policy/{each.name}": each.read_bytes() for each in shipped("policy").iterdir()},
    }
    issuers = f"""
[[assertions.issuers]]
entity_id = "{tools.AS}"
jwks = "as.json"
grace_seconds = 3

[[assertions.issuers]]
entity_id = "{published.issuer}"
discovery = "{published.base}/.well-known/openid-configuration"
trust = "as-ca.pem"

[[assertions.issuers]]
entity_id = "{IDP}"
metadata = "idp.xml"
metadata_signer = "federation.pem"
"""
    changes = {
        "assertions.decryption_key": '"pki/decryption.key"',
        "assertions.authn_classes": f'["{X509}"]',
        "assertions.key_bound_roles": '["PHARMACIST^^2.999.1.1"]',
        "policy.directory": '"policy"',
    }
    os.umask(0o077)
    with tools.running(home, issuers, files, **changes) as found:
        yield found


def replaced(path: Path, data: bytes) -> None:
    """As an operator would: the new file takes the place of the old one at once."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    shutil.move(fresh, path)


def test_jwt_09_a_key_that_was_taken_out(strict: Wire, authorities: SimpleNamespace) -> None:
    """The new key is taken within a second or so, the old one until its grace is over."""
    first, file = authorities.first, strict.home / "as.json"
    old, new = first.token(strict.claims(), kid="a1"), first.token(strict.claims(), kid="a2")
    assert [strict.fhir(each).status for each in (old, new)] == [200, 401]
    replaced(file, first.key_set("a2"))
    took = strict.until(lambda: strict.fhir(new).status == 200)
    assert took < 3
    assert strict.fhir(old).status == 200, "in its grace"
    strict.until(lambda: strict.fhir(old).status == 401)
    assert strict.fhir(first.token(strict.claims(), kid="a1")).error == "invalid_token"
    replaced(file, first.key_set("a1", "a2"))
    strict.until(lambda: strict.fhir(old).status == 200)


def test_jwt_09_a_broken_file_keeps_the_last_good_keys(strict: Wire, authorities: SimpleNamespace) -> None:
    file = strict.home / "as.json"
    good, before = authorities.first.token(strict.claims()), file.read_bytes()
    replaced(file, b'{"keys": [{"kty": "oct", "k": "AAAA"}]}')
    strict.until(lambda: "issuer refused" in strict.log.read_text())
    assert strict.fhir(good).status == 200
    replaced(file, before)


def test_jwt_09_a_flood_of_unknown_keys(
    strict: Wire, authorities: SimpleNamespace, published: Published
) -> None:
    """Keys of a discovered issuer are fetched in the background, and not once more for a flood."""
    claims = strict.claims(iss=published.issuer)
    good = authorities.second.token(claims)
    strict.until(lambda: strict.fhir(good).status == 200)
    asked = published.asked
    with contextlib.closing(strict.connect("hospital")) as connection:
        for number in range(200):
            bad = authorities.second.token(claims, header={"kid": f"unknown-{number}"})
            connection.request("GET", "/fhir/Patient?family=x", headers={"authorization": f"Bearer {bad}"})
            answer = connection.getresponse()
            assert (answer.status, b"invalid" in answer.read()) == (401, False)
    assert published.asked <= asked + 1
    assert strict.fhir(good).status == 200


def test_our_own_tokens(strict: Wire, tools: SimpleNamespace) -> None:
    """Signed with the signing key, named by its thumbprint; nothing is fetched for it."""
    signing = strict.settings.signing
    key: Any = load_signer(signing.key, signing.certificate).key
    kid = tools.thumbprint(key.public_key())
    ours = tools.Authorization(strict.url, {kid: key})
    assert strict.fhir(ours.token(strict.claims(iss=strict.url))).status == 200
    assert strict.fhir(ours.token(strict.claims(iss=strict.url), header={"kid": "other"})).status == 401
    assert strict.fhir(ours.token(strict.claims(iss=tools.AS))).status == 401
    plain = ours.token(strict.claims(iss=strict.url, cnf=None))
    assert strict.fhir(plain).status == 401, "the hospital must hold a key"
    assert strict.fhir(plain, partner="tester").status == 200


def test_metadata_and_its_roll_over(strict: Wire, idp: SimpleNamespace) -> None:
    file = strict.home / "idp.xml"
    old = strict.assertion(issuer=IDP, signer=idp.first)
    new = strict.assertion(issuer=IDP, signer=idp.second)
    assert [strict.query_documents(each).status for each in (old, new)] == [200, 400]
    replaced(file, metadata(idp, idp.first, idp.second))
    strict.until(lambda: strict.query_documents(new).status == 200)
    assert strict.query_documents(old).status == 200
    replaced(file, metadata(idp, idp.second))
    strict.until(lambda: strict.query_documents(old).status == 400)
    assert strict.query_documents(old).fault == "wsse:FailedAuthentication"
    replaced(file, metadata(idp, idp.first, signed_by=idp.second))
    strict.until(lambda: "idp.xml" in strict.log.read_text())
    assert [strict.query_documents(each).status for each in (old, new)] == [400, 200], "not believed"


def test_roles_follow_the_policy(strict: Wire, authorities: SimpleNamespace) -> None:
    """Without a restart: a role that was unknown when the server started, and is known no more later."""
    matrix = strict.home / "policy/matrix.toml"
    before = matrix.read_text()
    claims = strict.claims()
    claims["extensions"]["ihe_iua"]["subject_role"] = [{"system": "urn:oid:2.999.88", "code": "DRX"}]
    token = authorities.first.token(claims)

    def renamed(root: etree._Element) -> None:
        for each in root.iter("{urn:hl7-org:v3}Role"):
            each.set("code", "DRX")
            each.set("codeSystem", "2.999.88")

    assertion = strict.assertion(renamed)
    assert (strict.fhir(token).status, strict.query_documents(assertion).status) == (401, 400)
    known = before.replace('also = [\n  "2211^^', 'also = [\n  "DRX^^2.999.88",\n  "2211^^', 1)
    replaced(matrix, known.encode())
    strict.until(lambda: strict.fhir(token).status == 200)
    assert strict.query_documents(assertion).status == 200
    replaced(matrix, before.encode())
    strict.until(lambda: strict.fhir(token).status == 401)
    assert strict.query_documents(assertion).fault == "wsse:FailedAuthentication"


def test_class_of_authentication(strict: Wire, tools: SimpleNamespace) -> None:
    def weak(root: etree._Element) -> None:
        next(root.iter(f"{{{names.SAML}}}AuthnContextClassRef")).text = PASSWORD

    found = strict.query_documents(strict.assertion(weak))
    assert (found.fault, found.audit) == ("wsse:InvalidSecurityToken", [tools.login])


def test_saml_10_a_role_that_must_hold_its_key(strict: Wire, tools: SimpleNamespace) -> None:
    """Also at a node that may send bearer assertions."""

    def pharmacist(root: etree._Element) -> None:
        next(root.iter("{urn:hl7-org:v3}Role")).set("code", "PHARMACIST")

    bearer = strict.assertion(pharmacist, confirmation=None)
    found = strict.query_documents(bearer, partner="tester")
    assert (found.fault, found.audit) == ("wsse:FailedAuthentication", [tools.login])
    assert strict.query_documents(strict.assertion(confirmation=None), partner="tester").status == 200


# --- encrypted assertions ------------------------------------------------------------------------


def encrypted(assertion: bytes, key: rsa.RSAPrivateKey, algorithm: str = f"{XENC11}aes256-gcm") -> bytes:
    secret, nonce = os.urandom(32), os.urandom(12)
    scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    wrapped = b64encode(key.public_key().encrypt(secret, scheme)).decode()
    sealed = b64encode(nonce + AESGCM(secret).encrypt(nonce, assertion, None)).decode()
    return (
        f'<s:EncryptedAssertion xmlns:s="{names.SAML}" xmlns:x="{XENC}">'
        f'<x:EncryptedData Type="{XENC}Element">'
        f'<x:EncryptionMethod Algorithm="{algorithm}"></x:EncryptionMethod>'
        f'<d:KeyInfo xmlns:d="{names.DS}"><x:EncryptedKey><x:EncryptionMethod Algorithm="{XENC11}rsa-oaep">'
        f'<d:DigestMethod Algorithm="{XENC}sha256"></d:DigestMethod>'
        f'<y:MGF xmlns:y="{XENC11}" Algorithm="{XENC11}mgf1sha256"></y:MGF></x:EncryptionMethod>'
        f"<x:CipherData><x:CipherValue>{wrapped}</x:CipherValue></x:CipherData></x:EncryptedKey></d:KeyInfo>"
        f"<x:CipherData><x:CipherValue>{sealed}</x:CipherValue></x:CipherData></x:EncryptedData>"
        "</s:EncryptedAssertion>"
    ).encode()


def sent(wire: Wire, token: bytes) -> Any:
    def add(root: etree._Element) -> None:
        root.find(f".//{names.SECURITY}").append(etree.fromstring(token))

    return wire.query_documents(None, change=add)


def test_an_encrypted_assertion(strict: Wire, large: rsa.RSAPrivateKey, tools: SimpleNamespace) -> None:
    token = encrypted(strict.assertion(), large)
    assert sent(strict, token).status == 200
    assert strict.fhir(tools.b64(token)).status == 200


def test_saml_13_decrypts_to_an_unsigned_assertion(
    strict: Wire, large: rsa.RSAPrivateKey, tools: SimpleNamespace
) -> None:
    """In a signed message, in one that nobody signed, and over FHIR, where none is signed."""
    token = encrypted(strict.assertion(signed=False), large)
    for found in (sent(strict, token), unsigned(strict, token)):
        assert (found.status, found.fault) == (400, "wsse:FailedCheck"), found.body
        assert found.audit == [tools.message]
    again = strict.fhir(tools.b64(token))
    assert (again.status, again.audit) == (401, [tools.message])


def unsigned(wire: Wire, token: bytes) -> Any:
    def swap(root: etree._Element) -> None:
        security = root.find(f".//{names.SECURITY}")
        security.replace(security.find(names.ASSERTION), etree.fromstring(token))

    return wire.query_documents(wire.assertion(), partner="tester", signer=None, change=swap)


def test_what_cannot_be_decrypted(strict: Wire, large: rsa.RSAPrivateKey) -> None:
    """One answer for every failure; weak algorithms are named as such."""
    good = encrypted(strict.assertion(), large)
    other = encrypted(strict.assertion(), rsa.generate_private_key(65537, 2048))
    nested = encrypted(good, large)
    end = b"</x:CipherValue></x:CipherData></x:EncryptedData>"
    for token in (other, good.replace(end, b"AAAA" + end), encrypted(b"<a", large)):
        assert sent(strict, token).fault == "wsse:FailedCheck"
    weak = encrypted(strict.assertion(), large, f"{XENC}aes256-cbc")
    assert sent(strict, weak).fault == "wsse:UnsupportedAlgorithm"
    assert sent(strict, nested).fault == "wsse:UnsupportedSecurityToken"
