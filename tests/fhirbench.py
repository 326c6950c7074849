"""A gateway with several domains of patient identifiers, asked over FHIR, for PIXm, PDQm and PMIR."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from gateway.bindings.fhirxml import read, write
from gateway.cli.compose import Gateway, compose
from gateway.cli.init import create
from gateway.client.token import issue_assertion
from gateway.config import Settings, load
from gateway.config.settings import Directories
from gateway.crypto.keys import load_signer
from gateway.declare.bindings import Raw, Sealed
from gateway.pipeline.run import run
from gateway.record.people import Code
from gateway.stores import tables
from gateway.stores.migrate import upgrade

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
BASE = "https://localhost:8443/fhir"
AFFINITY, HOSPITAL, LABORATORY, NATIONAL, HIDDEN = (
    "2.999.1.1",
    "2.999.2.1.1",
    "2.999.2.2.1",
    "2.999.3",
    "2.999.2.3.1",
)
HOSPITAL_URI = "http://hospital.example/patients"
DOMAINS = f"""
[identity.domains.HOSPITAL]
oid = "{HOSPITAL}"
uris = ["{HOSPITAL_URI}"]

[identity.domains.LAB]
oid = "{LABORATORY}"

[identity.domains.NATIONAL]
oid = "{NATIONAL}"
kind = "national"

[identity.domains.HIDDEN]
oid = "{HIDDEN}"
readers = ["tester"]
"""
JSON, XML = "application/fhir+json", "application/fhir+xml"
T = TypeVar("T")


def urn(root: str) -> str:
    return f"urn:oid:{root}"


def token(root: str, value: str) -> str:
    return f"{urn(root)}|{value}"


def patient(root: str, value: str, **more: Any) -> dict[str, Any]:
    """A Patient with one identifier and a name; `more` are elements, None takes one away."""
    told = {
        "resourceType": "Patient",
        "identifier": [{"system": urn(root), "value": value}],
        "name": [{"family": "Schmit", "given": ["Anna", "Maria"]}],
        "gender": "female",
        "birthDate": "1970-05-17",
        **more,
    }
    return {name: content for name, content in told.items() if content is not None}


def replaced(root: str, value: str, by: str, *, by_root: str | None = None, **more: Any) -> dict[str, Any]:
    """A Patient that ends in another."""
    other = {"identifier": {"system": urn(by_root or root), "value": by}}
    return patient(root, value, active=False, link=[{"other": other, "type": "replaced-by"}], **more)


@dataclass(frozen=True)
class Answer:
    """What came back; `json` whatever the form."""

    sealed: Sealed

    @property
    def status(self) -> int:
        return self.sealed.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.sealed.headers

    @property
    def body(self) -> bytes:
        return b"".join(self.sealed.pieces)  # type: ignore[arg-type]

    @property
    def json(self) -> Any:
        if self.headers["content-type"] == XML:
            return read(self.body, size=10**7, depth=64)
        return orjson.loads(self.body)

    @property
    def issue(self) -> tuple[int, str, str]:
        """Status, issue code and diagnostics."""
        first = self.json["issue"][0]
        return self.status, first["code"], first.get("diagnostics", "")

    @property
    def place(self) -> str:
        first = self.json["issue"][0]
        return str((first.get("expression") or first.get("location") or [""])[0])

    @property
    def found(self) -> list[str]:
        """The family names of a searchset, of what matches."""
        entries = self.json.get("entry", ())
        return [
            each["resource"]["name"][0].get("family", "")
            for each in entries
            if each["search"]["mode"] == "match"
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [each["resource"] for each in self.json.get("entry", ())]

    def link(self, relation: str) -> str | None:
        links = self.json.get("link", ())
        return next((each["url"] for each in links if each["relation"] == relation), None)


@dataclass(frozen=True)
class Bench:
    """The gateway, and callers in front of it."""

    gateway: Gateway
    tokens: dict[str, str]
    form: dict[str, str] = field(default_factory=lambda: {"type": JSON})

    def certificate(self, node: str) -> bytes:
        path = self.gateway.settings.folder / f"pki/clients/{node}.pem"
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)

    def send(
        self,
        path: str,
        query: str | Mapping[str, str] | list[tuple[str, str]] = "",
        *,
        method: str = "GET",
        node: str = "hospital",
        signed_in: bool = True,
        body: bytes | dict[str, Any] | None = None,
        **headers: str,
    ) -> Answer:
        """A request below the base, with a physician's token; a resource goes in the form of the bench."""
        raw = self.raw(path, query, method=method, node=node, signed_in=signed_in, body=body, **headers)
        return Answer(asyncio.run(run(raw, self.gateway.fhir, self.gateway.engine)))

    def at_once(self, *requests: Raw) -> list[Answer]:
        """Several requests at the same time."""

        async def all_of_them() -> list[Sealed]:
            engine = self.gateway.engine
            return await asyncio.gather(*(run(each, self.gateway.fhir, engine) for each in requests))

        return [Answer(each) for each in asyncio.run(all_of_them())]

    def raw(
        self,
        path: str,
        query: str | Mapping[str, str] | list[tuple[str, str]] = "",
        *,
        method: str = "GET",
        node: str = "hospital",
        signed_in: bool = True,
        body: bytes | dict[str, Any] | None = None,
        **headers: str,
    ) -> Raw:
        """The request that `send` sends."""
        if not isinstance(query, str):
            query = urlencode(query, quote_via=quote)
        told = {"accept": self.form["type"]} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        if signed_in:
            told["authorization"] = f"Bearer {self._token(node)}"
        if isinstance(body, dict):
            told.setdefault("content-type", self.form["type"])
            body = write(body) if told["content-type"] == XML else orjson.dumps(body)
        return Raw(
            method=method,
            path=f"/fhir{path}",
            query=query,
            target=f"{BASE}{path}" + (f"?{query}" if query else ""),
            headers=told,
            body=body or b"",
            peer_certificate=self.certificate(node),
            peer_host="127.0.0.1",
        )

    def feed(self, resource: dict[str, Any], **more: Any) -> Answer:
        """A conditional update under the first identifier."""
        first = resource["identifier"][0]
        query = {"identifier": f"{first['system']}|{first['value']}"}
        return self.send("/Patient", query, method="PUT", body=resource, **more)

    def remove(self, identifier: str, **more: Any) -> Answer:
        return self.send("/Patient", {"identifier": identifier}, method="DELETE", **more)

    def ask(self, identifier: str, *targets: str, **more: Any) -> Answer:
        """A cross-reference query."""
        pairs = [("sourceIdentifier", identifier), *(("targetSystem", each) for each in targets)]
        return self.send("/Patient/$ihe-pix", pairs, **more)

    def others(self, identifier: str, *targets: str, **more: Any) -> list[str]:
        """The identifiers that a cross-reference query gives, as tokens."""
        answer = self.ask(identifier, *targets, **more)
        assert answer.status == 200, answer.body
        told = [each["valueIdentifier"] for each in answer.json.get("parameter", ())]
        return [f"{each['system']}|{each['value']}" for each in told]

    def search(self, *pairs: tuple[str, str], **more: Any) -> Answer:
        return self.send("/Patient", list(pairs), **more)

    def follow(self, url: str, **more: Any) -> Answer:
        """A link of an answer."""
        path, _, query = url.removeprefix(BASE).partition("?")
        return self.send(path, query, **more)

    def match(self, resource: dict[str, Any], **more: Any) -> Answer:
        return self.send("/Patient/$match", method="POST", body=resource, **more)

    def audit(self, answer: Answer) -> list[Any]:
        """The rows of the audit that tell of an answer."""
        query = select(tables.audit).where(tables.audit.c.trace_id == answer.headers["x-request-id"])
        return list(asyncio.run(_awaited(self.gateway.database.fetch(query))))

    def _token(self, node: str) -> str:
        if node not in self.tokens:
            told = self.gateway.settings.assertions
            assert told.test_issuer_key is not None
            assert told.test_issuer_certificate is not None
            assertion = issue_assertion(
                signer=load_signer(told.test_issuer_key, told.test_issuer_certificate),
                issuer="urn:passerelle:issuer:integration",
                subject="dr-1",
                name="Dr One",
                role=Code("PHYSICIAN", AFFINITY),
                organisation="2.999.5.1",
                organisation_name="Practice",
                purpose=Code("TREAT", "2.16.840.1.113883.5.8"),
                audience="https://localhost:8443",
                patient=None,
                confirmation=self.certificate(node),
                now=NOW,
            )
            self.tokens[node] = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
        return self.tokens[node]

    def in_xml(self) -> Bench:
        """The same with XML there and back."""
        return replace(self, form={"type": XML})


async def _awaited(pending: Awaitable[T]) -> T:
    return await pending


@dataclass(frozen=True)
class Template:
    """A configured folder with an empty record, to be copied for each test."""

    settings: Settings
    tokens: dict[str, str]


def template(folder: Path) -> Template:
    """Hospital and laboratory are the sources of their own domains; the portal may ask nothing of persons."""
    create(folder, "integration", now=NOW)
    file = folder / "passerelle.toml"
    file.write_text(f"{file.read_text()}\n{DOMAINS}")
    _enrol(folder, "hospital", [AFFINITY, HOSPITAL, NATIONAL])
    _enrol(folder, "laboratory", [LABORATORY])
    settings = replace(load(file), directories=Directories(professionals="assumed", patients="assumed"))
    upgrade(settings.database.url)
    return Template(settings, {})


def _enrol(folder: Path, name: str, feeds: list[str]) -> None:
    path = folder / "nodes" / f"{name}.toml"
    codes = ["ITI-8", "ITI-78", "ITI-83", "ITI-93", "ITI-104", "ITI-119"]
    text = re.sub(r"transactions = \[[^]]*\]", f"transactions = {codes}".replace("'", '"'), path.read_text())
    text = re.sub(r"^feeds = .*$", "", text, flags=re.MULTILINE)
    path.write_text(f"{text}\nfeeds = {feeds}\n".replace("'", '"'))


def standing(held: Template, folder: Path) -> Iterator[Bench]:
    """A bench over a copy of the record."""
    database = folder / "record.db"
    shutil.copy(held.settings.database.url.removeprefix("sqlite:///"), database)
    settings = replace(held.settings, database=replace(held.settings.database, url=f"sqlite:///{database}"))
    gateway = compose(settings, clock=lambda: NOW)
    yield Bench(gateway, held.tokens)
    asyncio.run(gateway.close())
