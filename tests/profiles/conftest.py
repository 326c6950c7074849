"""A gateway for HL7 V3 over SOAP: unsigned messages of two test nodes, and what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.cli.compose import Gateway, compose
from gateway.cli.init import create
from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.crypto.keys import load_certificates
from gateway.declare.bindings import Raw, Sealed
from gateway.pipeline.run import run
from gateway.stores.migrate import upgrade

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
HL7 = "urn:hl7-org:v3"
V = f"{{{HL7}}}"
AFFINITY, WARD, LABORATORY, HIDDEN = "2.999.1.1", "2.999.77.1", "2.999.77.2", "2.999.77.3"
IDENTITIES = f"""
[identity.domains.WARD]
oid = "{WARD}"

[identity.domains.LABORATORY]
oid = "{LABORATORY}"

[identity.domains.HIDDEN]
oid = "{HIDDEN}"
readers = ["tester"]
"""


@dataclass(frozen=True)
class Answered:
    """The Body's element of an answer, or its fault."""

    status: int
    body: etree._Element
    text: bytes

    @property
    def name(self) -> str:
        return etree.QName(self.body).localname

    def one(self, path: str) -> etree._Element:
        found = self.body.findall(under(path))
        assert len(found) == 1, f"{len(found)} of {path} in {self.text.decode()}"
        return found[0]

    def all(self, path: str) -> list[etree._Element]:
        return self.body.findall(under(path))

    def code(self, path: str) -> str | None:
        return self.one(path).get("code")

    @property
    def kind(self) -> str | None:
        return self.code("acknowledgement/typeCode")

    @property
    def errors(self) -> list[tuple[str | None, str | None]]:
        """Code and location of each detail."""
        return [
            (each.find(f"{V}code").get("code"), each.findtext(f"{V}location"))  # type: ignore[union-attr]
            for each in self.all("acknowledgement/acknowledgementDetail")
        ]

    @property
    def response(self) -> tuple[str | None, str | None]:
        """The status of the query, and its response code."""
        act = "controlActProcess/queryAck"
        return self.code(f"{act}/statusCode"), self.code(f"{act}/queryResponseCode")

    def ids(self) -> list[list[tuple[str | None, str | None]]]:
        """(root, extension) of the ids of each patient."""
        patients = self.body.iter(f"{V}patient")
        return [[(i.get("root"), i.get("extension")) for i in p.findall(f"{V}id")] for p in patients]


def under(path: str) -> str:
    return "/".join(f"{V}{step}" for step in path.split("/"))


def request(interaction: str, act: str, *, accept: str = "AL", changed: dict[str, str] | None = None) -> str:
    """A message with its wrapper; `changed` replaces parts of the text."""
    root = interaction.removesuffix("_Continue")
    trigger = root.replace("_IN", "_TE").removesuffix("_Cancel")
    named = root.removesuffix("_Cancel")
    text = (
        f'<{root} xmlns="{HL7}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ITSVersion="XML_1.0">'
        f'<id root="{uuid.uuid4()}"/><creationTime value="20261122093000"/>'
        f'<interactionId root="2.16.840.1.113883.1.6" extension="{named}"/><processingCode code="T"/>'
        f'<processingModeCode code="T"/><acceptAckCode code="{accept}"/>'
        '<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.999.50.1"/>'
        '<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
        '<id root="2.999.50.2"/></representedOrganization></asAgent></device></receiver>'
        '<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE"><id root="2.999.60.1"/>'
        "</device></sender>"
        "ACKNOWLEDGEMENT"
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        f'<code code="{trigger}" codeSystem="2.16.840.1.113883.1.6"/>{act}</controlActProcess></{root}>'
    )
    for old, new in (changed or {}).items():
        assert old in text, f"{old} is not in the message"
        text = text.replace(old, new)
    return text.replace("ACKNOWLEDGEMENT", "")


PROVIDER = (
    '<providerOrganization classCode="ORG" determinerCode="INSTANCE"><id root="2.999.60.9"/>'
    '<contactParty classCode="CON"/></providerOrganization>'
)
CUSTODIAN = (
    '<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED"><id root="2.999.60.9"/></assignedEntity>'
    "</custodian>"
)
PERSON = (
    '<name use="L"><given>Anna</given><family>Muster</family></name><telecom use="HP" value="tel:+352 1234"/>'
    '<administrativeGenderCode code="F"/><birthTime value="19800229"/>'
    "<addr><streetAddressLine>1 Rue du Test</streetAddressLine><city>Luxembourg</city>"
    "<postalCode>L-1234</postalCode></addr>"
)


def feed(interaction: str, *ids: tuple[str, str], person: str = PERSON, **more: Any) -> str:
    """ITI-44 add or revise; ids are (extension, root)."""
    listed = "".join(f'<id root="{root}" extension="{extension}"/>' for extension, root in ids)
    return request(
        interaction,
        '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/>'
        f'<statusCode code="active"/><subject1 typeCode="SBJ"><patient classCode="PAT">{listed}'
        f'<statusCode code="active"/><patientPerson classCode="PSN" determinerCode="INSTANCE">{person}'
        f"</patientPerson>{PROVIDER}</patient></subject1>{CUSTODIAN}</registrationEvent></subject>",
        **more,
    )


def merge(survivor: tuple[str, str], *subsumed: tuple[str, str], **more: Any) -> str:
    """ITI-44 merge."""
    ended = "".join(f'<id root="{root}" extension="{extension}"/>' for extension, root in subsumed)
    replaced = (
        f'{CUSTODIAN}<replacementOf typeCode="RPLC"><priorRegistration classCode="REG" moodCode="EVN">'
        '<statusCode code="obsolete"/><subject1 typeCode="SBJ"><priorRegisteredRole classCode="PAT">'
        f"{ended}</priorRegisteredRole></subject1></priorRegistration></replacementOf>"
    )
    person = "<name><given>Anna</given><family>Muster</family></name>"
    changed = {CUSTODIAN: replaced, PROVIDER: ""} | more.pop("changed", {})
    return feed("PRPA_IN201304UV02", survivor, person=person, changed=changed, **more)


def pix_query(extension: str, root: str, *sources: str, **more: Any) -> str:
    """ITI-45."""
    listed = "".join(
        f'<dataSource><value root="{each}"/><semanticsText>DataSource.id</semanticsText></dataSource>'
        for each in sources
    )
    return request(
        "PRPA_IN201309UV02",
        '<queryByParameter><queryId root="2.999.60.1" extension="q1"/><statusCode code="new"/>'
        f'<responsePriorityCode code="I"/><parameterList>{listed}<patientIdentifier>'
        f'<value root="{root}" extension="{extension}"/><semanticsText>Patient.id</semanticsText>'
        "</patientIdentifier></parameterList></queryByParameter>",
        **more,
    )


def pdq_query(*parameters: str, quantity: int | None = None, query_id: str = "q1", **more: Any) -> str:
    """ITI-47; parameters are written by `parameter`."""
    first = f'<initialQuantity value="{quantity}"/>' if quantity is not None else ""
    degree = more.pop("degree", "")
    return request(
        "PRPA_IN201305UV02",
        f'<queryByParameter><queryId root="2.999.60.1" extension="{query_id}"/><statusCode code="new"/>'
        f'<responseModalityCode code="R"/><responsePriorityCode code="I"/>{first}{degree}'
        f"<parameterList>{''.join(parameters)}</parameterList></queryByParameter>",
        **more,
    )


def parameter(name: str, *values: str) -> str:
    return f"<{name}>{''.join(values)}<semanticsText>{name}</semanticsText></{name}>"


def named(family: str, *given: str, use: str = "") -> str:
    """livingSubjectName."""
    parts = "".join(f"<given>{each}</given>" for each in given)
    written = f' use="{use}"' if use else ""
    return parameter("livingSubjectName", f"<value{written}>{parts}<family>{family}</family></value>")


def born(value: str) -> str:
    """livingSubjectBirthTime."""
    return parameter("livingSubjectBirthTime", f'<value value="{value}"/>')


def continuation(
    status: str = "waitContinuedQueryResponse",
    *,
    query_id: str = "q1",
    start: int | None = None,
    quantity: int | None = None,
    root: str = "QUQI_IN000003UV01",
    **more: Any,
) -> str:
    """QUQI_IN000003UV01."""
    acknowledged = (
        '<acknowledgement><typeCode code="AA"/><targetMessage><id root="2.999.50.1" extension="last"/>'
        "</targetMessage></acknowledgement>"
    )
    numbers = f'<startResultNumber value="{start}"/>' if start is not None else ""
    numbers += f'<continuationQuantity value="{quantity}"/>' if quantity is not None else ""
    changed = {"ACKNOWLEDGEMENT": acknowledged, "QUQI_TE000003UV01": "PRPA_TE000003UV01"}
    return request(
        root,
        f'<queryContinuation><queryId root="2.999.60.1" extension="{query_id}"/>{numbers}'
        f'<statusCode code="{status}"/></queryContinuation>',
        changed=changed | more.pop("changed", {}),
        **more,
    )


@pytest.fixture
def say() -> SimpleNamespace:
    """Messages, as text."""
    return SimpleNamespace(
        request=request, feed=feed, merge=merge, pix_query=pix_query, person=PERSON, provider=PROVIDER,
        pdq_query=pdq_query, parameter=parameter, named=named, born=born, continuation=continuation,
        affinity=AFFINITY, ward=WARD, laboratory=LABORATORY, hidden=HIDDEN,
    )  # fmt: skip


@dataclass
class House:
    """One gateway, and ways to call it."""

    gateway: Gateway
    settings: Settings
    loop: asyncio.AbstractEventLoop

    def raw(self, path: str, action: str, body: str, node: str = "tester") -> Raw:
        url = f"{self.settings.server.public_url}{path}"
        envelope = (
            f'<e:Envelope xmlns:e="{SOAP}" xmlns:a="{WSA}"><e:Header>'
            f'<a:Action e:mustUnderstand="true">{action}</a:Action><a:To>{url}</a:To>'
            f"<a:MessageID>urn:uuid:{uuid.uuid4()}</a:MessageID><a:ReplyTo><a:Address>{WSA}/anonymous"
            f"</a:Address></a:ReplyTo></e:Header><e:Body>{body}</e:Body></e:Envelope>"
        )
        pem = (self.settings.nodes.directory / f"{node}.pem").read_bytes()
        certificate = load_certificates(pem)[0].public_bytes(Encoding.DER)
        return Raw(
            method="POST",
            path=path,
            target=url,
            headers={"content-type": "application/soap+xml; charset=UTF-8"},
            body=envelope.encode(),
            peer_certificate=certificate,
            peer_host="127.0.0.1",
        )

    def sealed(self, raw: Raw) -> Sealed:
        return self.loop.run_until_complete(run(raw, self.gateway.soap, self.gateway.engine))

    def send(self, path: str, action: str, body: str, node: str = "tester") -> Answered:
        answer = self.sealed(self.raw(path, action, body, node))
        text = b"".join(answer.chunks())
        root = etree.fromstring(text)
        element = root.find(f"{{{SOAP}}}Body")
        assert element is not None
        assert len(element) == 1
        return Answered(answer.status, element[0], text)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()

    def audit(self) -> list[etree._Element]:
        """The audit messages, oldest first."""
        found = [row[0] for row in self.rows("SELECT message FROM audit ORDER BY id")]
        return [etree.fromstring(each) for each in found]


@pytest.fixture(scope="session")
def v3_installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("v3") / "home"
    create(home, "integration")
    with (home / "passerelle.toml").open("a", encoding="utf-8") as file:
        file.write(IDENTITIES)
    tester = (home / "nodes" / "tester.toml").read_text(encoding="utf-8")
    second = tester.replace('"tester"', '"laboratory"').replace("tester.pem", "laboratory.pem")
    second = "\n".join(line for line in second.split("\n") if not line.startswith(("# feeds", "feeds")))
    second = f"feeds = {json.dumps([LABORATORY])}\n{second}"
    (home / "nodes" / "laboratory.toml").write_text(second, encoding="utf-8")
    settings = load_settings(home / "passerelle.toml")
    upgrade(settings.database.url)
    return settings


@pytest.fixture
def v3(v3_installation: Settings, tmp_path: Path) -> Iterator[House]:
    database = tmp_path / "record.db"
    shutil.copy(v3_installation.database.url.removeprefix("sqlite:///"), database)
    settings = replace(
        v3_installation,
        database=replace(v3_installation.database, url=f"sqlite:///{database}"),
        content=replace(v3_installation.content, directory=tmp_path / "content"),
    )
    gateway = compose(settings)
    loop = asyncio.new_event_loop()
    yield House(gateway, settings, loop)
    loop.run_until_complete(gateway.close())
    loop.close()
