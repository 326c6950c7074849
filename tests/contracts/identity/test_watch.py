"""The watch over a running server: a normal morning raises nothing, scripted attacks are told in time."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from gateway.record.people import Code

DEADLINE = 60.0
Wire = Any


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, authorities: SimpleNamespace, tools: SimpleNamespace
) -> Iterator[Wire]:
    """A server of two workers; what its first finding of broken messages comes from is shut out at once."""
    home = tmp_path_factory.mktemp("watch") / "home"
    issuers = f'\n[[assertions.issuers]]\nentity_id = "{tools.AS}"\njwks = "as.json"\n'
    changes = {"watch.contain": '["message-failures"]', "watch.query_person": "20"}
    with tools.running(
        home, issuers, {"as.json": authorities.first.key_set("a1")}, workers=2, **changes
    ) as found:
        yield found


def alerts(wire: Wire, rule: str = "") -> list[tuple[Any, ...]]:
    rows = wire.query(
        "SELECT rule, kind, subject, severity, explanation, count, events, number FROM alert ORDER BY number"
    )
    return [each for each in rows if rule in {"", each[0]}]


def told(wire: Wire, rule: str) -> tuple[Any, ...]:
    """The alert of a rule, once it is there."""
    wire.until(lambda: bool(alerts(wire, rule)), DEADLINE)
    return alerts(wire, rule)[-1]


def feed(wire: Wire, patient: str, family: str, given: str) -> None:
    root = wire.settings.domain.affinity_oid
    text = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{uuid4().hex[:20]}|P|2.3.1\r"
        f"EVN|A01|20260101120000\rPID|1||{patient}^^^&{root}&ISO||{family}^{given}||19700101|F\rPV1|1|O\r"
    )
    assert b"MSA|AA" in asyncio.run(wire.acting().feed(text.encode()))


def ask(
    wire: Wire, authorities: SimpleNamespace, *patients: str, sub: str = "dr.weber", **extension: Any
) -> list[int]:
    """ITI-67 of some patients by one person, one after the other."""
    claims = wire.claims(sub=sub)
    claims["extensions"]["ihe_iua"].update(extension)
    token, statuses = authorities.first.token(claims), []
    with contextlib.closing(wire.connect("hospital")) as connection:
        for patient in patients:
            headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
            connection.request("GET", f"/fhir{wire.documents(patient)}", headers=headers)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    return statuses


def watched(wire: Wire) -> None:
    """Until the watch has looked at everything that has happened."""
    (last,) = wire.query("SELECT max(id) FROM audit")[0]
    wire.until(lambda: (last,) in wire.query("SELECT place FROM event WHERE trail = 0"), DEADLINE)


def test_a_normal_morning_raises_nothing(
    site: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    assert ask(site, authorities, *[tools.PATIENT, tools.OTHER] * 10) == [200] * 20
    assert asyncio.run(site.acting().query(tools.PATIENT))
    watched(site)
    assert alerts(site) == []


def test_a_mass_query_is_told_with_its_events_and_no_patient(
    site: Wire, authorities: SimpleNamespace
) -> None:
    ask(site, authorities, *[f"IDENTITY-M{number}" for number in range(20)])
    rule, kind, subject, severity, text, _, events, number = told(site, "mass-query")
    assert (kind, subject, severity) == ("person", "dr.weber", "high")
    assert "20 different patients" in text
    assert "IDENTITY" not in text
    assert len(events.split()) == 10
    message = site.query("SELECT message FROM audit WHERE message LIKE '%\"watch-alert\"%'")
    assert any(f"{rule}: " in str(each[0]) and "dr.weber" in str(each[0]) for each in message)
    log = site.log.read_text()
    (line,) = [each for each in map(json.loads, log.splitlines()) if each.get("alert") == number]
    assert (line["rule"], line["subject"], line["event"]) == ("mass-query", "dr.weber", "alert")
    site.check_log()


def test_what_was_told_is_counted(site: Wire) -> None:
    told(site, "mass-query")
    port = site.settings.server.admin_port
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/metrics")
        found = connection.getresponse().read().decode()
    assert re.search(r'passerelle_alerts_total\{rule="mass-query",severity="high"\} [1-9]', found)


def test_looking_at_ones_family_and_oneself(site: Wire, authorities: SimpleNamespace) -> None:
    feed(site, "IDENTITY-W0", "WEBER", "ANNE")
    assert ask(site, authorities, "IDENTITY-W0") == [200]
    assert "own full name" in told(site, "own-record")[4]
    for number in range(1, 4):
        feed(site, f"IDENTITY-W{number}", "WEBER", f"PAUL{number}")
    ask(site, authorities, *[f"IDENTITY-W{number}" for number in range(1, 4)])
    assert "3 records of patients of the own family name" in told(site, "relatives")[4]


def test_one_person_at_two_organisations(
    site: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    ask(site, authorities, tools.PATIENT)
    ask(site, authorities, tools.PATIENT, subject_organization_id="urn:oid:2.999.2.2")
    assert re.search(r"used for 2\.999\.2\.1 at .* and for 2\.999\.2\.2", told(site, "two-places")[4])


def test_a_burst_of_refusals(site: Wire, authorities: SimpleNamespace) -> None:
    role = [{"system": "urn:oid:2.999.1.1", "code": "PHARMACIST"}]
    statuses = ask(site, authorities, *["IDENTITY-1"] * 10, sub="nurse.klein", subject_role=role)
    assert set(statuses) == {200}, "told to be empty; only the trail knows of the refusal"

    def refused() -> list[tuple[Any, ...]]:
        return [each for each in alerts(site, "refusals") if each[2] == "nurse.klein"]

    site.until(lambda: bool(refused()), DEADLINE)
    assert refused()[0][1] == "person"
    assert "10 refusals within 10 minutes" in refused()[0][4]


def test_a_burst_of_refused_tokens(site: Wire, authorities: SimpleNamespace) -> None:
    expired = authorities.first.token(site.claims(exp=1, nbf=0, iat=0))
    assert [site.fhir(expired).status for _ in range(10)] == [401] * 10
    assert told(site, "assertion-failures")[1:3] == ("node", "hospital")


def test_break_glass_is_told_each_and_when_there_is_too_much(site: Wire, tools: SimpleNamespace) -> None:
    feed(site, "IDENTITY-E1", "TEST", "EMERGENCY")
    purpose = Code("ETREAT", "2.16.840.1.113883.5.8", "emergency")
    for patient in (tools.PATIENT, tools.OTHER, "IDENTITY-E1"):
        assertion = site.assertion(purpose=purpose, emergency_reason="unconscious")
        assert site.query_documents(assertion, patient=patient).status == 200
    assert told(site, "emergencies")[1:4] == ("person", "dr.weber", "high")
    (each,) = alerts(site, "emergency")
    assert each[5] == 3, "the same again counts"


def test_guessed_documents(site: Wire) -> None:
    asked = "".join(
        "<xds:DocumentRequest><xds:RepositoryUniqueId>2.999.1.3</xds:RepositoryUniqueId>"
        f"<xds:DocumentUniqueId>2.25.{number}</xds:DocumentUniqueId></xds:DocumentRequest>"
        for number in range(4_700, 4_720)
    )
    body = (
        f'<xds:RetrieveDocumentSetRequest xmlns:xds="urn:ihe:iti:xds-b:2007">{asked}'
        "</xds:RetrieveDocumentSetRequest>"
    )
    action = "urn:ihe:iti:2007:RetrieveDocumentSet"
    answer = site.soap("/xds/repository", action, body.encode(), assertion=site.assertion())
    assert b"XDSDocumentUniqueIdError" in answer.body
    assert told(site, "guessing")[1:4] == ("person", "dr.weber", "high")
    assert "20 documents asked for in vain" in told(site, "guessing")[4]


def test_connections_without_a_certificate(site: Wire) -> None:
    context = ssl.create_default_context(cafile=str(site.home / "pki/trust.pem"))
    port = site.settings.server.port
    for _ in range(5):
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("localhost", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.recv(1)
    assert told(site, "node-failures")[1:3] == ("address", "127.0.0.1")


def test_broken_messages_shut_their_node_out_where_the_settings_say_so(
    site: Wire, authorities: SimpleNamespace, tools: SimpleNamespace
) -> None:
    def spoil(octets: bytes) -> bytes:
        return octets.replace(b"StoredQuery", b"StoredQuerY", 1)

    assertion = site.assertion()
    statuses = [site.query_documents(assertion, octets=spoil).status for _ in range(5)]
    assert set(statuses) <= {400, 500}
    assert told(site, "message-failures")[1:4] == ("node", "hospital", "medium")
    site.until(lambda: ask(site, authorities, tools.PATIENT) == [403], 5.0)
    rows = site.query("SELECT kind, name, actor, incident, until FROM revocation")
    assert [each[:4] for each in rows] == [("node", "hospital", "watch", 1)]
    assert rows[0][4] is not None, "it ends by itself"
    assert site.query("SELECT state, opened_by, steps FROM incident") == [("open", "watch", 3)]
    assert site.query("SELECT state, incident FROM alert WHERE rule = 'message-failures'") == [
        ("incident", 1)
    ]
