"""POL-05 to POL-07 over real sockets, on a server of two workers where care relations are required."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.cli.partner import Acting
from gateway.cli.started import prepare, serving
from gateway.client import xds
from gateway.config.settings import shipped
from gateway.policy.matrix import FILES
from gateway.record.consents import Directive, Kind
from gateway.stores.content import Octets
from tests.receivers import CHANGES, Place
from tests.ward import Clock, Row, Ward, read_row, today

ENTRY = """
[[notify]]
form = "EMG-4"
address = "https://localhost:{port}/fhir/Communication"
"""
WHY = "found unconscious"
QUERY, STOPPED, TOLD = ("110112", "ITI-18", 0), ("110113", "110138", 0), ("110110", "EMG-4", 0)
RANKS = {"N": "a letter", "R": "a letter in confidence", "V": "a letter for nobody"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("emergency") / "home"
    rules = {"policy.directory": '"policy"', "directories.professionals": '"assumed"'}
    config = prepare(home, {**CHANGES, **rules}, watched=False)
    shutil.copytree(shipped("policy"), home / "policy")
    assert {each.name for each in (home / "policy").iterdir()} == set(FILES)
    path = home / "policy/settings.toml"
    path.write_text(path.read_text().replace('relation = "assumed"', 'relation = "required"'))
    found = Place(config, ENTRY)
    with serving(found.config, workers=2):
        yield found


@pytest.fixture
def ward(place: Place) -> Iterator[Ward]:
    """Another door to the same record, for what patients decide."""
    found = Ward.over(place.settings, Clock(today()))
    found.audit()
    yield found
    found.close()


def patient(place: Place, name: str) -> str:
    """A known patient with three letters, of each rank one; written by the laboratory."""
    hospital = Acting.at(place.settings, "hospital", "physician")
    root = place.settings.domain.affinity_oid
    fed = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{name}|P|2.3.1\r"
        f"EVN|A01|20260101120000\rPID|1||{name}^^^&{root}&ISO||TEST^{name}||19700101|F\rPV1|1|O\r"
    )
    assert b"MSA|AA" in asyncio.run(hospital.feed(fed.encode()))
    writer = Acting.at(place.settings, "tester", "physician")
    for rank, title in RANKS.items():
        asyncio.run(
            writer.send(
                Octets(title.encode()),
                name,
                title,
                "18842-5",
                rank,
                ".txt",
                unique_id=xds.new_oid(),
                set_id=xds.new_oid(),
                created=datetime.now(UTC),
            )
        )
    return name


def found(
    place: Place, name: str, emergency: str | None = None, role: str = "physician", person: str = "dr.weber"
) -> list[str]:
    """Titles of what somebody of the pharmacy finds by ITI-18."""
    acting = Acting.at(place.settings, "pharmacy", role, person)
    told = [] if emergency is None else [emergency]

    async def ask() -> list[xds.Listed]:
        assertion = acting.assertion(emergency=told[0] if told else None)
        async with acting.identity.http() as http:
            return await xds.find(acting._client(http), acting.endpoints, acting.full_id(name), assertion)

    return sorted(each.title for each in asyncio.run(ask()))


def rows(ward: Ward) -> list[Row]:
    """What was told of queries and of emergencies; not what the deliverer tells beside."""
    return [each for each in ward.audit() if each.types[0] != "EMG-4" and "110120" not in each.types]


def test_pol_05_an_emergency_with_a_reason_is_permitted_up_to_its_ceiling_and_its_duties_done(
    place: Place, ward: Ward
) -> None:
    name = patient(place, "POL-05")
    ward.audit()
    assert found(place, name) == []
    assert found(place, name, WHY) == ["a letter", "a letter in confidence"]
    refused, granted = rows(ward)
    assert (refused.kind, refused.types, refused.reasons) == (QUERY, ("ITI-18",), ["RELATION"])
    assert (granted.kind, granted.types) == (QUERY, ("ITI-18", "110127"))
    assert granted.decision is not None
    (decision,) = granted.decision["decisions"]
    assert (decision["permitted"], decision["reason"], decision["rule"]) == (True, "EMERGENCY", "P10")
    assert decision["obligations"] == [
        "notify-patient", "notify-privacy-officer", "audit-emergency", "limit-rate",
    ]  # fmt: skip
    trace = ward.rows("SELECT trace_id FROM audit WHERE message LIKE '%110127%' ORDER BY id DESC LIMIT 1")[0][
        0
    ]
    emergencies = ward.rows("SELECT key, subject FROM emergency WHERE trace_id = ?", trace)
    assert [subject for _, subject in emergencies] == ["dr.weber"]
    key = emergencies[0][0]
    assert len(ward.rows("SELECT key FROM patient_notice WHERE emergency = ?", key)) == 1
    queued = ward.rows('SELECT node, "transaction" FROM outbox WHERE trace_id = ?', trace)
    assert sorted(queued) == [("laboratory", "EMG-4"), ("pharmacy", "EMG-4")]


def test_pol_05_the_notice_reaches_patient_and_portal_and_tells_no_more_than_it_must(
    place: Place, ward: Ward
) -> None:
    name = patient(place, "POL-05-NOTICE")
    assert found(place, name, WHY) == ["a letter", "a letter in confidence"]

    async def main() -> list[Any]:
        async with place.https() as portal, place.https("laboratory"):
            await place.emptied()
            return list(portal.received)

    (posted,) = [each for each in asyncio.run(main()) if name.encode() in each.body]
    told = json.loads(posted.body)
    assert (told["resourceType"], told["status"]) == ("Communication", "completed")
    (payload,) = told["payload"]
    assert payload["contentString"].startswith(
        "Dr Anne Weber (Physician), Test Pharmacy, used emergency access"
    )
    assert WHY not in posted.body.decode()
    assert "signature" in posted.headers
    assert TOLD in [each.kind for each in ward_audit(ward)]


def ward_audit(ward: Ward) -> list[Row]:
    return [read_row(*each) for each in ward.rows("SELECT message, outcome, decision FROM audit ORDER BY id")]


@pytest.mark.parametrize("case", ["no reason", "pharmacist", "switched off"])
def test_pol_06_without_reason_or_right_or_after_it_was_switched_off_it_is_refused(
    place: Place, ward: Ward, case: str
) -> None:
    name = patient(place, f"POL-06-{case.replace(' ', '-')}")
    if case == "switched off":
        ward.decide(name, Directive(kind=Kind.EMERGENCY, rank=0))
    before = ward.rows("SELECT count(*) FROM emergency"), ward.rows("SELECT count(*) FROM patient_notice")
    ward.audit()
    role = "pharmacist" if case == "pharmacist" else "physician"
    assert found(place, name, " " if case == "no reason" else WHY, role) == []
    (row,) = rows(ward)
    assert (row.kind, row.types, row.reasons) == (QUERY, ("ITI-18",), ["EMERGENCY"])
    assert "110147" in row.message
    assert row.decision is not None
    assert row.decision["decisions"][0]["rule"] == "P10"
    assert before == (
        ward.rows("SELECT count(*) FROM emergency"),
        ward.rows("SELECT count(*) FROM patient_notice"),
    )


@pytest.mark.parametrize(
    ("decided", "reason", "stop"),
    [
        (Directive(kind=Kind.EMERGENCY, rank=0), "EMERGENCY", "SWITCHED-OFF"),
        (Directive(kind=Kind.DENIAL, subject="dr.weber"), "BLACKLIST", "BLACKLIST"),
    ],
    ids=["switches it off", "blacklists the person"],
)
def test_pol_07_the_patient_ends_an_open_emergency(
    place: Place, ward: Ward, decided: Directive, reason: str, stop: str
) -> None:
    name = patient(place, f"POL-07-{stop}")
    assert found(place, name, WHY) == ["a letter", "a letter in confidence"]
    ward.decide(name, decided)
    ward.audit()
    assert found(place, name, WHY) == []
    refused, stopped = rows(ward)
    assert (refused.kind, refused.types, refused.reasons) == (QUERY, ("ITI-18",), [reason])
    assert stopped.kind == STOPPED
    assert "dr.weber" in stopped.message
    assert name in stopped.message
    assert found(place, name, WHY) == []
    assert [each.kind for each in rows(ward)] == [QUERY]
    ended = ward.rows("SELECT stop FROM emergency WHERE stopped_at IS NOT NULL")
    assert (stop,) in ended


def test_requests_at_once_on_both_workers_are_one_emergency(place: Place, ward: Ward) -> None:
    name = patient(place, "POL-08")
    acting = Acting.at(place.settings, "pharmacy", "physician", "dr.klein")

    async def ask() -> list[xds.Listed]:
        async with acting.identity.http() as http:
            assertion = acting.assertion(emergency=WHY)
            return await xds.find(acting._client(http), acting.endpoints, acting.full_id(name), assertion)

    async def together() -> list[list[xds.Listed]]:
        return await asyncio.gather(*(ask() for _ in range(6)))

    assert [len(each) for each in asyncio.run(together())] == [2] * 6
    ((key, count),) = ward.rows("SELECT min(key), count(*) FROM emergency WHERE subject = 'dr.klein'")
    assert count == 1
    assert ward.rows("SELECT count(*) FROM emergency_use WHERE emergency = ?", key) == [(6,)]
    assert ward.rows("SELECT count(*) FROM patient_notice WHERE emergency = ?", key) == [(1,)]
