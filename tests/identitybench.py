"""A running server seen from outside, and an authorization server that signs whatever it is told."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import re
import sqlite3
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, RSAKey
from lxml import etree

from gateway.bindings.addressing import WSA
from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.client.queries import find_body
from gateway.client.token import issue_assertion
from gateway.crypto.keys import PrivateKey, Scheme, Signer, load_signer, sign_with
from gateway.crypto.xmldsig import HeaderBlock, compose, names, sign_assertion
from gateway.record.people import Code

PATIENT, OTHER = "IDENTITY-1", "IDENTITY-2"
AS, SECOND, PLAIN = "https://as.example", "https://second.example", "https://plain.example"
PHYSICIAN = {"system": "urn:oid:2.999.1.1", "code": "PHYSICIAN"}
TREATMENT = {"system": "urn:oid:2.16.840.1.113883.5.8", "code": "TREAT"}
SECRETS = (
    "IDENTITY-",
    "PRIVATE KEY",
    "Traceback",
    "lxml",
    "joserfc",
    "sqlite",
    ".py",
    "/work",
)
TOKEN = re.compile(r"eyJ[\w-]{8,}\.")
"""The head of a JWT."""
SIGNED = re.compile(r">[A-Za-z0-9+/=\s]{40,}<|:[A-Za-z0-9+/=]{40,}:")
"""Signatures, digests and certificates, as whole values: any short word may stand in them by chance."""

Json = Mapping[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Authorization:
    """An authorization server with keys by kid, which signs whatever it is told."""

    name: str
    keys: dict[str, PrivateKey] = field(default_factory=dict)

    def key_set(self, *kids: str) -> bytes:
        """The public keys as a JWK set, by default of all."""
        told = []
        for kid in kids or tuple(self.keys):
            public = self.keys[kid].public_key()
            kind = ECKey if isinstance(public, ec.EllipticCurvePublicKey) else RSAKey
            told.append({**kind.import_key(public).as_dict(private=False), "kid": kid, "use": "sig"})
        return orjson.dumps({"keys": told})

    def token(
        self,
        claims: Json,
        *,
        kid: str | None = None,
        header: Json | None = None,
        key: PrivateKey | None = None,
        scheme: Scheme = Scheme.ECDSA_SHA256,
        text: bytes | None = None,
    ) -> str:
        """A signed token. None in `header` leaves a member out; `text` is what stands for the claims."""
        kid = kid or next(iter(self.keys))
        told = {"alg": "ES256", "typ": "at+jwt", "kid": kid, **(header or {})}
        head = orjson.dumps({name: value for name, value in told.items() if value is not None})
        signed = f"{b64(head)}.{b64(text or orjson.dumps(claims))}"
        return f"{signed}.{b64(sign_with(key or self.keys[kid], scheme, signed.encode()))}"


@dataclass
class Answer:
    """What came back over the socket, and the audit rows that were added: (event, type, outcome)."""

    status: int
    headers: dict[str, str]
    body: bytes
    audit: list[tuple[str, str, int]]
    messages: list[str]

    @property
    def error(self) -> str:
        """The error of WWW-Authenticate."""
        found = re.search(r'error="(\w+)"', self.headers.get("www-authenticate", ""))
        return found[1] if found else ""

    @property
    def total(self) -> int:
        return int(orjson.loads(self.body)["total"])

    @property
    def fault(self) -> str:
        """The subcode of a SOAP fault."""
        values = re.findall(rb"<env:Value>([^<]+)</env:Value>", self.body)
        return values[1].decode() if len(values) > 1 else ""


@dataclass
class Wire:
    """A running server seen from outside, with its record and audit trail beside it."""

    home: Path
    log: Path

    def __post_init__(self) -> None:
        self.settings = load_settings(self.home / "passerelle.toml")
        self.url = self.settings.server.public_url

    def context(self, partner: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.home / "pki/trust.pem"))
        stem = self.home / "pki/clients" / partner
        context.load_cert_chain(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        return context

    def connect(self, partner: str) -> http.client.HTTPSConnection:
        port = self.settings.server.port
        return http.client.HTTPSConnection("localhost", port, context=self.context(partner), timeout=10)

    def acting(self, partner: str = "hospital", role: str = "physician") -> Acting:
        return Acting.at(self.settings, partner, role)

    def certificate(self, partner: str) -> bytes:
        signer = self.acting(partner).identity.signer
        assert signer is not None
        return signer.certificate

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | list[tuple[str, str]],
        body: bytes = b"",
        *,
        partner: str = "hospital",
    ) -> Answer:
        """One request on a connection of its own; what must be true of every refusal is checked."""
        before = self.rows()
        state = self.state()
        with contextlib.closing(self.connect(partner)) as connection:
            connection.putrequest(method, path)
            for name, value in headers.items() if isinstance(headers, Mapping) else headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            found = response.read()
        told = {name.lower(): value for name, value in response.getheaders()}
        added = self.rows()[len(before) :]
        if response.status >= 400:
            assert self.state() == state, "a refusal left something behind"
            self.check_silent(f"{told}{found.decode('utf-8', 'replace')}")
        return Answer(
            response.status, told, found, [kind_of(*row) for row in added], [row[0] for row in added]
        )

    def fhir(self, token: str, path: str = "", *, partner: str = "hospital", **more: str) -> Answer:
        """A FHIR search with a token, by default ITI-67 of the patient."""
        headers = {"accept": "application/fhir+json", **more, "authorization": f"Bearer {token}"}
        return self.ask("GET", f"/fhir{path or self.documents(PATIENT)}", headers, partner=partner)

    def soap(
        self, path: str, action: str, body: bytes, *, partner: str = "hospital", **security: Any
    ) -> Answer:
        """A SOAP message, signed unless `signer` is None; `change` alters the tree after that."""
        signer = security.get("signer", self.acting(partner).identity.signer)
        blocks = [
            HeaderBlock.of_text(f"{{{WSA}}}Action", action, must_understand=True),
            HeaderBlock.of_text(f"{{{WSA}}}MessageID", f"urn:uuid:{uuid4()}"),
            HeaderBlock.of_text(f"{{{WSA}}}To", f"{self.url}{path}"),
        ]
        text = compose(blocks, body, signer, now=datetime.now(UTC), assertion=security.get("assertion"))
        if "change" in security:
            root = etree.fromstring(text)
            security["change"](root)
            text = etree.tostring(root)
        headers = {"content-type": f'application/soap+xml; charset=UTF-8; action="{action}"'}
        return self.ask(
            "POST", path, headers, security.get("octets", lambda each: each)(text), partner=partner
        )

    def query_documents(self, assertion: bytes | None, *, patient: str = PATIENT, **more: Any) -> Answer:
        """ITI-18 of a patient."""
        body = find_body(self.acting().full_id(patient))
        action = "urn:ihe:iti:2007:RegistryStoredQuery"
        return self.soap("/xds/registry", action, body, assertion=assertion, **more)

    def assertion(
        self,
        change: Callable[[etree._Element], None] | None = None,
        *,
        partner: str = "hospital",
        signer: Signer | None = None,
        signed: bool = True,
        **options: Any,
    ) -> bytes:
        """An assertion of the test issuer about the physician; `change` alters it before it is signed."""
        told = self.settings.assertions
        assert told.test_issuer_key is not None
        assert told.test_issuer_certificate is not None
        signer = signer or load_signer(told.test_issuer_key, told.test_issuer_certificate)
        usual: dict[str, Any] = {
            "issuer": told.issuers[0].entity_id,
            "subject": "dr.weber",
            "name": "Dr Anne Weber",
            "role": Code("PHYSICIAN", "2.999.1.1", "Physician"),
            "organisation": "2.999.2.1",
            "organisation_name": "Test Hospital",
            "purpose": Code("TREAT", "2.16.840.1.113883.5.8", "treatment"),
            "audience": told.audience[0],
            "patient": None,
            "confirmation": self.certificate(partner),
            "now": datetime.now(UTC),
        }
        root = etree.fromstring(issue_assertion(signer=signer, **{**usual, **options}))
        if change is None and signed:
            return etree.tostring(root)
        root.remove(root.find(names.SIGNATURE))
        if change is not None:
            change(root)
        text = etree.tostring(root)
        return sign_assertion(text, signer) if signed else text

    def documents(self, patient: str) -> str:
        """ITI-67 of a patient."""
        root = self.settings.domain.affinity_oid
        return f"/DocumentReference?patient.identifier=urn:oid:{root}%7C{patient}&status=current"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token of the physician says; None leaves a claim out."""
        now = int(datetime.now(UTC).timestamp())
        told = {
            "iss": AS,
            "sub": "dr.weber",
            "client_id": "hospital",
            "aud": self.url,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": str(uuid4()),
            "scope": "ITI-67 ITI-68",
            "cnf": {"x5t#S256": b64(hashlib.sha256(self.certificate("hospital")).digest())},
            "extensions": {
                "ihe_iua": {
                    "subject_name": "Dr Anne Weber",
                    "subject_organization": "Test Hospital",
                    "subject_organization_id": "urn:oid:2.999.2.1",
                    "subject_role": [PHYSICIAN],
                    "purpose_of_use": [TREATMENT],
                }
            },
            **changes,
        }
        return {name: value for name, value in told.items() if value is not None}

    def rows(self) -> list[tuple[str, int]]:
        return [
            (str(each[0]), int(str(each[1])))
            for each in self.query(
                """SELECT message, outcome FROM audit WHERE message NOT LIKE '%"watch-alert"%' ORDER BY id"""
            )
        ]

    def state(self) -> str:
        """A digest of everything but the audit and what is taken over from files: tables, names of blobs."""
        running = hashlib.sha256()
        for (table,) in self.query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
            if not str(table).startswith(("audit", "meta", "event", "watch", "alert", "policy")):
                running.update(repr(self.query(f"SELECT * FROM {table}")).encode())  # noqa: S608
        blobs = sorted(str(path) for path in self.settings.content.directory.rglob("*") if path.is_file())
        running.update(repr(blobs).encode())
        return running.hexdigest()

    def query(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def check_silent(self, text: str) -> None:
        assert not TOKEN.search(text)
        plain = SIGNED.sub("", text)
        for word in SECRETS:
            assert word not in plain, f"{word} in {plain[:500]}"

    def check_log(self, *secrets: str) -> None:
        """What the operators read holds nothing of a token, and no stack trace."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        for word in ("Traceback", "eyJ", "IDENTITY-", *secrets):
            assert word not in text

    def until(self, holds: Callable[[], bool], seconds: float = 5.0) -> float:
        """How long it took until something held; fails after the time."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, "it did not happen in time"
            time.sleep(0.05)
        return time.monotonic() - began


def kind_of(message: str, outcome: int) -> tuple[str, str, int]:
    event = re.search(r'<EventID csd-code="([^"]+)"', message)
    kind = re.search(r'<EventTypeCode csd-code="([^"]+)"', message)
    return event[1] if event else "", kind[1] if kind else "", outcome
