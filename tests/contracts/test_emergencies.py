"""Emergency access under a clock set by hand: obligations, window, review, abuse rule (rule P10)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.pipeline.run import run
from gateway.record.consents import Directive, Kind
from tests.ward import KLEIN, OFFICER, PATIENT, PHARMACIST, WEBER, Clock, Person, Ward, required, today

KNOWN, OTHER = "CONTRACT-1", "CONTRACT-2"
WHY = "found unconscious"
QUERY = ("110112", "ITI-67", 0)
STOPPED, EXCEEDED = ("110113", "110138", 0), ("110113", "emergencies-exceeded", 8)


@pytest.fixture
def ward(installation: Settings, furnished: Path, tmp_path: Path) -> Iterator[Ward]:
    settings = required(installation, tmp_path, furnished / "record.db", furnished / "content")
    home = Ward.over(settings, Clock(today()))
    home.audit()
    yield home
    home.close()


def count(ward: Ward, table: str) -> int:
    return int(ward.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608


def tasks(ward: Ward, query: str = "", who: Person = OFFICER) -> list[dict[str, Any]]:
    status, bundle = ward.ask(ward.fhir("GET", f"/Task/$emergencies{query}", ward.token(who)))
    assert status == 200, bundle
    return [each["resource"] for each in bundle.get("entry", ())]


def judged(
    ward: Ward, task: str, outcome: str, who: Person = OFFICER, reason: str = "seen"
) -> tuple[int, Any]:
    body = ward.parameters(outcome=outcome, reason=reason)
    return ward.ask(ward.fhir("POST", f"/Task/{task}/$judge-emergency", ward.token(who), body=body))


def notices(ward: Ward, patient: str = KNOWN, who: Person = PATIENT) -> list[dict[str, Any]]:
    system = f"urn:oid:{ward.settings.domain.affinity_oid}"
    path = f"/Communication?patient={system}%7C{patient}"
    status, bundle = ward.ask(ward.fhir("GET", path, ward.token(who, patient)))
    assert status == 200, bundle
    return [each["resource"] for each in bundle.get("entry", ())]


# --- obligations and window ----------------------------------------------------------------------


def test_an_emergency_leaves_record_notice_and_flag_with_the_access(ward: Ward) -> None:
    assert ward.documents(WEBER, KNOWN) == 0
    assert ward.documents(WEBER, KNOWN, WHY) == 1
    row = ward.audit()[-1]
    assert (row.kind, row.types) == (QUERY, ("ITI-67", "110127"))
    assert row.reasons == ["EMERGENCY"]
    (found,) = ward.rows("SELECT trace_id, at, until, deadline, subject, role, organisation FROM emergency")
    assert found[1] == int(ward.clock().timestamp() * 1000)
    assert (found[2] - found[1], found[3] - found[1]) == (12 * 3_600_000, 7 * 86_400_000)
    assert found[4:] == ("dr.weber", "PHYSICIAN", "2.999.2.9")
    assert found[0] in row.message, "the trace of the access"
    assert (count(ward, "patient_notice"), count(ward, "emergency_use")) == (1, 1)


def test_reason_and_notice_cannot_be_read_in_the_store(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    stored = Path(ward.settings.database.url.removeprefix("sqlite:///"))
    kept = b"".join(
        bytes(cell)
        for table in ("emergency", "patient_notice")
        for row in ward.rows(f"SELECT * FROM {table}")  # noqa: S608
        for cell in row
        if isinstance(cell, bytes)
    )
    assert kept
    assert stored.exists()
    assert WHY.encode() not in kept
    assert b"Weber" not in kept


def test_requests_of_the_window_are_one_emergency(ward: Ward) -> None:
    for moved in (0, 6, 5.99):
        ward.clock.move(hours=moved)
        assert ward.documents(WEBER, KNOWN, WHY) == 1
    assert (count(ward, "emergency"), count(ward, "patient_notice"), count(ward, "emergency_use")) == (
        1,
        1,
        3,
    )
    assert [each.types[1:] for each in ward.audit()] == [("110127",)] * 3
    ward.clock.move(hours=0.02)
    assert ward.documents(WEBER, KNOWN, WHY) == 1
    assert (count(ward, "emergency"), count(ward, "patient_notice")) == (2, 2)
    ward.documents(KLEIN, KNOWN, WHY)
    ward.documents(KLEIN, OTHER, WHY)
    assert count(ward, "emergency") == 4, "one for each person and patient"


def test_an_emergency_ends_with_its_time(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    ward.clock.move(hours=12, seconds=-1)
    ward.tend()
    ward.audit()
    ward.clock.move(seconds=1)
    ward.tend()
    ward.tend()
    (row,) = ward.audit()
    assert row.kind == STOPPED
    assert "dr.weber" in row.message
    assert ward.identifier(KNOWN).replace("&", "&amp;") in row.message
    assert ward.rows("SELECT stop FROM emergency") == [("TIME",)]


def test_no_emergency_is_looked_for_where_none_is_claimed(ward: Ward) -> None:
    shown = ward.code(KNOWN)
    ward.ask(ward.present(WEBER, KNOWN, shown))
    assert ward.documents(WEBER, KNOWN) == 1
    assert count(ward, "emergency") == 0


def test_parallel_requests_of_two_workers_are_one_emergency(ward: Ward) -> None:
    beside = Ward.over(ward.settings, ward.clock)

    async def together() -> list[int]:
        asked = [each.send(each.query(WEBER, KNOWN, WHY)) for each in (ward, beside) * 3]
        return [each.status for each in await asyncio.gather(*asked)]

    try:
        assert asyncio.run(together()) == [200] * 6
    finally:
        beside.close()
    assert (count(ward, "emergency"), count(ward, "patient_notice"), count(ward, "emergency_use")) == (
        1,
        1,
        6,
    )


# --- who ends it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decided", "stop", "reason"),
    [
        (Directive(kind=Kind.EMERGENCY, rank=0), "SWITCHED-OFF", "EMERGENCY"),
        (Directive(kind=Kind.DENIAL, subject="dr.weber"), "BLACKLIST", "BLACKLIST"),
        (Directive(kind=Kind.DENIAL, subject="2.999.2.9"), "BLACKLIST", "BLACKLIST"),
        (Directive(kind=Kind.OPPOSITION), "CONSENT", "CONSENT"),
        (Directive(kind=Kind.CLOSURE), "DSP_UNAVAILABLE", "DSP_UNAVAILABLE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_patient_decides_ends_it_with_the_next_request(
    ward: Ward, decided: Directive, stop: str, reason: str
) -> None:
    assert ward.documents(WEBER, KNOWN, WHY) == 1
    ward.decide(KNOWN, decided)
    ward.audit()
    assert ward.documents(WEBER, KNOWN, WHY) == 0
    rows = ward.audit()
    assert [each.kind for each in rows] == [QUERY, STOPPED]
    assert rows[0].reasons == [reason]
    assert ward.rows("SELECT stop FROM emergency") == [(stop,)]
    assert ward.documents(WEBER, KNOWN, WHY) == 0
    assert [each.kind for each in ward.audit()] == [QUERY], "it ends once"
    assert count(ward, "emergency") == 1


def test_a_write_that_is_refused_ends_it_with_the_entry_of_its_refusal(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    ward.decide(KNOWN, Directive(kind=Kind.DENIAL, subject="dr.weber"))
    ward.audit()
    token = ward.token(WEBER, reason=WHY)
    raw = ward.fhir("POST", "/Consent/$presence-code", token, body=ward.parameters(KNOWN))
    assert ward.ask(raw)[0] == 403
    assert [each.kind for each in ward.audit()] == [("110110", "PRS-1", 8), STOPPED]
    assert ward.rows("SELECT stop FROM emergency") == [("BLACKLIST",)]
    assert ward.ask(raw)[0] == 403
    assert [each.kind for each in ward.audit()] == [("110110", "PRS-1", 8)]


def test_a_request_without_a_reason_does_not_end_it(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    assert ward.documents(WEBER, KNOWN, "") == 0
    assert ward.documents(WEBER, KNOWN, "  ") == 0
    assert [each.kind for each in ward.audit()] == [QUERY] * 3
    assert ward.rows("SELECT stop FROM emergency") == [(None,)]
    assert ward.documents(WEBER, KNOWN, WHY) == 1
    assert count(ward, "emergency") == 1


def test_what_is_refused_leaves_no_emergency(ward: Ward) -> None:
    for who, patient in ((PHARMACIST, KNOWN), (WEBER, "NOBODY"), (PATIENT, OTHER)):
        ward.documents(who, patient, WHY if who is not PATIENT else None)
    assert [count(ward, each) for each in ("emergency", "emergency_use", "patient_notice")] == [0, 0, 0]


# --- notices -------------------------------------------------------------------------------------


def test_the_patient_reads_that_it_was_who_and_when_and_nothing_else(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    (notice,) = notices(ward)
    at = ward.clock()
    assert notice["sent"][:19] == f"{at:%Y-%m-%dT%H:%M:%S}"
    assert notice["subject"]["identifier"]["value"] == KNOWN
    assert notice["payload"] == [
        {
            "contentString": "Dr Anne Weber (Physician), Test Tools, used emergency access to your record on "
            f"{at:%Y-%m-%d at %H:%M} UTC. It is reviewed."
        }
    ]
    assert WHY not in str(notice)
    assert notices(ward, OTHER) == []


def test_nobody_else_reads_the_notices_of_a_patient(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    assert notices(ward, who=WEBER) == []
    assert notices(ward, who=OFFICER) == []
    assert ward.documents(WEBER, KNOWN, WHY) == 1


# --- review --------------------------------------------------------------------------------------


def test_the_queue_names_no_patient_and_the_entry_all_there_is(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    ward.documents(WEBER, KNOWN, WHY)
    (listed,) = tasks(ward)
    assert KNOWN not in str(listed)
    assert WHY not in str(listed)
    assert (listed["status"], listed["priority"]) == ("requested", "routine")
    _, task = ward.ask(ward.fhir("GET", f"/Task/{listed['id']}/$emergency", ward.token(OFFICER)))
    assert task["for"]["identifier"]["value"] == KNOWN
    told = [(each["type"]["text"], each.get("valueString")) for each in task["input"]]
    assert ("reason", WHY) in told
    assert [name for name, _ in told].count("request") == 2
    rows = ward.audit()
    assert [each.kind for each in rows[-2:]] == [("110112", "EMG-2", 0)] * 2
    assert KNOWN not in rows[-2].message
    assert KNOWN in rows[-1].message


def test_an_entry_is_judged_once_with_a_reason(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    (listed,) = tasks(ward, "?status=requested")
    assert judged(ward, listed["id"], "nonsense")[0] == 400
    assert judged(ward, listed["id"], "abuse", reason=" ")[0] == 400
    status, task = judged(ward, listed["id"], "abuse", reason="no patient of hers")
    assert (status, task["status"]) == (200, "completed")
    assert task["note"][0]["text"] == "abuse: no patient of hers"
    assert judged(ward, listed["id"], "accepted")[0] == 409
    assert judged(ward, "1", "accepted")[0] == 404
    assert tasks(ward, "?status=requested") == []
    (again,) = tasks(ward, "?status=completed")
    assert again["output"][0]["valueCode"] == "abuse"


def test_nobody_judges_an_emergency_of_his_own_nor_without_the_right(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    (listed,) = tasks(ward)
    assert judged(ward, listed["id"], "accepted", WEBER)[0] == 403
    assert judged(ward, listed["id"], "accepted", Person("dr.weber", "data-protection-officer"))[0] == 403
    assert ward.rows("SELECT judgement FROM emergency") == [("open",)]


def test_what_is_not_reviewed_in_time_is_marked(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    ward.clock.move(days=7)
    assert "businessStatus" not in tasks(ward)[0]
    ward.clock.move(seconds=1)
    (listed,) = tasks(ward)
    assert (listed["businessStatus"]["coding"][0]["code"], listed["priority"]) == ("overdue", "urgent")
    judged(ward, listed["id"], "accepted")
    assert "businessStatus" not in tasks(ward)[0]


def test_of_two_reviewers_at_once_one_is_heard(ward: Ward) -> None:
    ward.documents(WEBER, KNOWN, WHY)
    (listed,) = tasks(ward)
    beside = Ward.over(ward.settings, ward.clock)
    path = f"/Task/{listed['id']}/$judge-emergency"

    async def both() -> list[int]:
        said = [(ward, "accepted"), (beside, "abuse")]
        asked = [
            home.send(
                home.fhir("POST", path, home.token(OFFICER), body=home.parameters(outcome=each, reason="-"))
            )
            for home, each in said
        ]
        return sorted(each.status for each in await asyncio.gather(*asked))

    try:
        assert asyncio.run(both()) == [200, 409]
    finally:
        beside.close()


# --- abuse ---------------------------------------------------------------------------------------


def patients(ward: Ward, number: int) -> list[str]:
    names = [f"P-{each}" for each in range(number)]
    for each in names:
        ward.feed("A01", each, version="2.3.1")
    return names


def claimed(ward: Ward, patient: str, who: Person = WEBER) -> list[str]:
    ward.audit()
    ward.documents(who, patient, WHY)
    return ward.audit()[0].reasons


def test_too_many_patients_within_the_window_are_refused_with_an_alert(ward: Ward) -> None:
    names = patients(ward, 6)
    assert [claimed(ward, each) for each in names[:5]] == [["EMERGENCY"]] * 5
    ward.audit()
    ward.documents(WEBER, names[5], WHY)
    rows = ward.audit()
    assert [each.kind for each in rows] == [QUERY, EXCEEDED]
    assert rows[0].reasons == ["EMERGENCY"]
    assert rows[0].decision is not None
    assert not rows[0].decision["decisions"][0]["permitted"]
    assert count(ward, "emergency") == 5
    assert claimed(ward, names[0]) == ["EMERGENCY"]
    assert ward.rows("SELECT count(*) FROM emergency_use") == [(6,)], "those that are open go on"
    assert claimed(ward, names[5], KLEIN) == ["EMERGENCY"]
    assert count(ward, "emergency") == 6, "another person is not concerned"
    ward.clock.move(hours=24)
    claimed(ward, names[5])
    assert count(ward, "emergency") == 7


def test_what_began_after_the_decision_counts(ward: Ward) -> None:
    names, engine = patients(ward, 6), ward.gateway.engine
    assert [claimed(ward, each) for each in names[:4]] == [["EMERGENCY"]] * 4
    (handle,) = [each for each in engine.stages if each.__name__ == "handle"]
    others = [ward.query(WEBER, names[4], WHY)]

    async def slow(x: Any, given: Any) -> None:
        while others:
            await ward.send(others.pop())
        await handle(x, given)

    slow.__name__ = "handle"
    stages = [slow if each is handle else each for each in engine.stages]
    raw = ward.query(WEBER, names[5], WHY)
    ward.audit()
    asyncio.run(run(raw, ward.gateway.fhir, replace(engine, stages=stages)))
    assert count(ward, "emergency") == 5
    assert [each.kind for each in ward.audit()] == [QUERY, QUERY, EXCEEDED]


def test_parallel_claims_of_two_workers_stay_within_the_limit(ward: Ward) -> None:
    names, beside = patients(ward, 9), Ward.over(ward.settings, ward.clock)

    async def together() -> None:
        pairs = zip((ward, beside) * 5, names, strict=False)
        await asyncio.gather(*(home.send(home.query(WEBER, each, WHY)) for home, each in pairs))

    try:
        asyncio.run(together())
    finally:
        beside.close()
    assert count(ward, "emergency") == 5


def test_the_measures_are_those_of_the_policy(
    installation: Settings, furnished: Path, tmp_path: Path
) -> None:
    rules = {
        "\nhours = 12": "\nhours = 1",
        "most_patients = 5": "most_patients = 1",
        "review_days = 7": "review_days = 1",
    }
    record, content = furnished / "record.db", furnished / "content"
    ward = Ward.over(required(installation, tmp_path, record, content, **rules), Clock(today()))
    try:
        ward.documents(WEBER, KNOWN, WHY)
        ward.documents(WEBER, OTHER, WHY)
        ((at, until, deadline),) = ward.rows("SELECT at, until, deadline FROM emergency")
        assert (until - at, deadline - at) == (3_600_000, 86_400_000)
        assert timedelta(milliseconds=until - at) == timedelta(hours=1)
    finally:
        ward.close()
