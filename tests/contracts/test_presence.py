"""Care relations where they are required: presence codes, their wrong uses, and visits (rule P7)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Settings
from gateway.record.consents import Directive, Kind, Status
from tests.ward import KLEIN, PATIENT, PHARMACIST, WEBER, Clock, Person, Ward, required, today

KNOWN, OTHER = "CONTRACT-1", "CONTRACT-2"
PORTAL, TESTER = "2.999.2.4", "2.999.2.9"


@pytest.fixture
def ward(installation: Settings, furnished: Path, tmp_path: Path) -> Iterator[Ward]:
    settings = required(installation, tmp_path, furnished / "record.db", furnished / "content")
    home = Ward.over(settings, Clock(today()))
    home.audit()
    yield home
    home.close()


def shown(ward: Ward, who: Person, code: str, patient: str = KNOWN, **also: str) -> tuple[int, Any]:
    return ward.ask(ward.present(who, patient, code, **also))


def test_a_physician_sees_nothing_then_all_by_a_code_and_nothing_at_its_end(ward: Ward) -> None:
    assert ward.documents(WEBER, KNOWN) == 0
    assert ward.audit()[-1].reasons == ["RELATION"]
    status, told = shown(ward, WEBER, ward.code(KNOWN))
    assert status == 200, told
    assert [each.kind for each in ward.audit()] == [("110110", "PRS-1", 0), ("110110", "PRS-2", 0)]
    assert ward.documents(WEBER, KNOWN) == 1
    assert ward.documents(KLEIN, KNOWN) == 0, "the relation is of the person"
    ward.clock.move(days=90, seconds=-1)
    assert ward.documents(WEBER, KNOWN) == 1
    ward.clock.move(seconds=1)
    assert ward.documents(WEBER, KNOWN) == 0
    assert ward.audit()[-1].reasons == ["RELATION"]


def test_the_relation_of_a_pharmacist_lasts_three_days(ward: Ward) -> None:
    began = ward.clock()
    assert shown(ward, PHARMACIST, ward.code(KNOWN))[0] == 200
    (consent,) = ward.consents(KNOWN)
    (directive,) = consent.directives
    assert (directive.kind, directive.subject) == (Kind.RELATION, "ph.muller")
    assert (directive.period.start, directive.period.end) == (began, began + timedelta(days=3))
    assert (consent.author.subject, consent.author.by) == ("ph.muller", "presence code")
    for moved, reason in ((0, "PERMIT"), (3 * 86400 - 1, "PERMIT"), (1, "RELATION")):
        ward.clock.move(seconds=moved)
        ward.documents(PHARMACIST, KNOWN)
        assert ward.audit()[-1].reasons == [reason]


def test_a_relation_of_the_organisation_is_one_of_its_people(ward: Ward) -> None:
    assert shown(ward, WEBER, ward.code(KNOWN), **{"for": "organisation"})[0] == 200
    assert ward.documents(KLEIN, KNOWN) == 1
    (consent,) = ward.consents(KNOWN)
    assert consent.directives[0].subject == TESTER
    assert shown(ward, WEBER, ward.code(KNOWN), **{"for": "everybody"})[0] == 400


def test_the_patient_ends_the_relation(ward: Ward) -> None:
    shown(ward, WEBER, ward.code(KNOWN))
    assert ward.documents(WEBER, KNOWN) == 1
    ward.end(KNOWN, ward.consents(KNOWN)[0])
    assert ward.documents(WEBER, KNOWN) == 0


def test_the_patient_sees_and_ends_it_as_a_consent(ward: Ward) -> None:
    shown(ward, WEBER, ward.code(KNOWN))
    system, token = f"urn:oid:{ward.settings.domain.affinity_oid}", ward.token(PATIENT, KNOWN)
    status, bundle = ward.ask(ward.fhir("GET", f"/Consent?patient.identifier={system}%7C{KNOWN}", token))
    assert status == 200, bundle
    (consent,) = [each["resource"] for each in bundle["entry"]]
    assert consent["sourceReference"] == {"display": "presence code"}
    assert consent["performer"][0]["display"] == "Dr Anne Weber"
    assert "dr.weber" in str(consent["provision"])
    ended = asyncio.run(ward.send(ward.fhir("DELETE", f"/Consent/{consent['id']}", token)))
    assert ended.status == 204
    assert ward.documents(WEBER, KNOWN) == 0


def test_a_code_is_used_once_however_it_is_written(ward: Ward) -> None:
    code = ward.code(KNOWN)
    assert len(code) == 9
    assert not set("01258BILOS") & set(code)
    assert shown(ward, WEBER, code.replace("-", " ").lower())[0] == 200
    assert shown(ward, KLEIN, code)[0] == 403
    assert len(ward.consents(KNOWN)) == 1


def test_only_a_keyed_hash_of_a_code_is_kept(ward: Ward) -> None:
    code = ward.code(KNOWN)
    stored = Path(ward.settings.database.url.removeprefix("sqlite:///"))
    written = b"".join(each.read_bytes() for each in stored.parent.glob("record.db*"))
    for form in (code, code.replace("-", "")):
        assert form.encode() not in written


def test_of_two_workers_with_one_code_one_gets_the_relation(ward: Ward) -> None:
    beside = Ward.over(ward.settings, ward.clock)
    code = ward.code(KNOWN)

    async def both() -> list[int]:
        asked = [ward.send(ward.present(WEBER, KNOWN, code)), beside.send(beside.present(KLEIN, KNOWN, code))]
        return sorted(each.status for each in await asyncio.gather(*asked))

    try:
        assert asyncio.run(both()) == [200, 403]
    finally:
        beside.close()
    assert len(ward.consents(KNOWN)) == 1


def test_a_code_ends_after_a_day(ward: Ward) -> None:
    first, second = ward.code(KNOWN), ward.code(KNOWN)
    ward.clock.move(hours=24, seconds=-1)
    assert shown(ward, WEBER, first)[0] == 200
    ward.clock.move(seconds=1)
    assert shown(ward, KLEIN, second)[0] == 403


def test_a_patient_has_three_open_codes_at_most(ward: Ward) -> None:
    codes = [ward.code(KNOWN) for _ in range(3)]
    assert len(set(codes)) == 3
    assert ward.ask(ward.ask_code(KNOWN))[0] == 409
    assert shown(ward, WEBER, codes[1])[0] == 200
    ward.code(KNOWN)
    assert ward.ask(ward.ask_code(OTHER))[0] == 200


def refusals(ward: Ward, code: str) -> dict[str, tuple[int, str]]:
    """What a professional gets who shows a code that does no good, for every reason there is."""
    found: dict[str, tuple[int, str]] = {}

    def show(name: str, patient: str) -> None:
        status, told = shown(ward, Person(f"dr.{name}"), code, patient)
        text = told["issue"][0]["diagnostics"]
        found[name] = status, text + str(sorted(told["issue"][0]))

    show("wrong", KNOWN)
    show("unknown", "NOBODY")
    ward.decide(KNOWN, Directive(kind=Kind.DENIAL, subject="dr.blocked"))
    show("blocked", KNOWN)
    ward.decide(OTHER, Directive(kind=Kind.CLOSURE))
    show("closed", OTHER)
    return found


def test_wrong_code_unknown_patient_blocked_person_and_closed_record_are_answered_alike(ward: Ward) -> None:
    found = refusals(ward, "AAAA-AAAA")
    assert len(set(found.values())) == 1, found
    assert found["wrong"][0] == 403
    rows = ward.audit()
    assert [each.kind for each in rows] == [("110110", "PRS-2", 8)] * 4
    assert [each.reasons for each in rows] == [
        ["PERMIT"], ["DSP_UNAVAILABLE"], ["BLACKLIST"], ["DSP_UNAVAILABLE"],
    ]  # fmt: skip
    assert "110147" in rows[2].message


def test_a_person_on_the_black_list_gets_no_relation_with_the_right_code(ward: Ward) -> None:
    code = ward.code(KNOWN)
    ward.decide(KNOWN, Directive(kind=Kind.DENIAL, subject="dr.weber"))
    assert shown(ward, WEBER, code)[0] == 403
    assert shown(ward, KLEIN, code)[0] == 200, "and the code is not spent by it"
    assert ward.documents(WEBER, KNOWN) == 0


def test_wrong_codes_are_throttled_by_person(ward: Ward) -> None:
    code = ward.code(KNOWN)
    for patient in (KNOWN, OTHER, "NOBODY", KNOWN, OTHER):
        assert shown(ward, WEBER, "AAAA-AAAA", patient)[0] == 403
    assert shown(ward, WEBER, code)[0] == 403, "the sixth is not looked at"
    ward.clock.move(hours=1)
    assert shown(ward, WEBER, code)[0] == 200


def test_wrong_codes_are_throttled_by_patient(ward: Ward) -> None:
    code = ward.code(KNOWN)
    for number in range(10):
        assert shown(ward, Person(f"dr.{number}"), "AAAA-AAAA")[0] == 403
    assert shown(ward, WEBER, code)[0] == 403
    assert shown(ward, WEBER, ward.code(OTHER), OTHER)[0] == 200
    ward.clock.move(hours=1)
    assert shown(ward, WEBER, code)[0] == 200


def test_who_may_ask_for_a_code(ward: Ward) -> None:
    def asked(who: Person, **also: Any) -> int:
        return ward.ask(ward.ask_code(KNOWN, who, **also))[0]

    son = Person(ward.identifier(OTHER), "representative")
    of_patient = {"on_behalf_of": ward.identifier(KNOWN)}
    assert asked(PATIENT) == 200
    assert asked(WEBER) == 403
    assert asked(son, **of_patient) == 403
    mandate = {"kind": Kind.MANDATE, "subject": son.subject, "given_by": "patient"}
    ward.decide(KNOWN, Directive(**mandate))
    assert asked(son, **of_patient) == 403, "a mandate for everything leaves out what the patient decides"
    ward.decide(KNOWN, Directive(**mandate, actions=frozenset({"rights:change"})))
    assert asked(son, **of_patient) == 200
    token = ward.token(PATIENT, OTHER)
    raw = ward.fhir("POST", "/Consent/$presence-code", token, body=ward.parameters(KNOWN))
    assert ward.ask(raw)[0] == 403, "nobody asks for the code of another patient"


# --- visits --------------------------------------------------------------------------------------

HOUSE = Person("dr.house", partner="hospital")


def told(ward: Ward, trigger: str, visit: str = "V-9", version: str = "2.5") -> None:
    assert "MSA|AA" in ward.feed(trigger, KNOWN, visit=visit, version=version)
    ward.tend()


def test_a_visit_gives_the_hospital_a_relation_until_some_time_after_the_discharge(ward: Ward) -> None:
    assert ward.documents(HOUSE, KNOWN) == 0
    told(ward, "A01")
    assert ward.documents(HOUSE, KNOWN) == 1
    assert ward.documents(WEBER, KNOWN) == 0, "not another organisation"
    ward.clock.move(days=200)
    assert ward.documents(HOUSE, KNOWN) == 1, "as long as the visit goes on"
    told(ward, "A03")
    ward.clock.move(days=30, seconds=-1)
    assert ward.documents(HOUSE, KNOWN) == 1
    ward.clock.move(seconds=1)
    assert ward.documents(HOUSE, KNOWN) == 0
    (consent,) = ward.consents(KNOWN)
    assert (consent.version, consent.author.by, consent.author.subject) == (2, "ITI-31", "hospital")


def test_a_visit_that_was_cancelled_gives_none(ward: Ward) -> None:
    told(ward, "A04")
    assert ward.documents(HOUSE, KNOWN) == 1
    told(ward, "A11")
    assert ward.documents(HOUSE, KNOWN) == 0
    assert [each.status for each in ward.consents(KNOWN)] == [Status.ENDED]
    told(ward, "A04")
    assert ward.documents(HOUSE, KNOWN) == 1


def test_a_discharge_that_was_cancelled_lets_it_go_on(ward: Ward) -> None:
    for trigger in ("A01", "A03", "A13"):
        told(ward, trigger)
    ward.clock.move(days=100)
    assert ward.documents(HOUSE, KNOWN) == 1


def test_admission_and_discharge_at_once_are_worked_in_together(ward: Ward) -> None:
    ward.feed("A01", KNOWN, visit="V-9")
    told(ward, "A03")
    (consent,) = ward.consents(KNOWN)
    assert consent.directives[0].period.end == ward.clock() + timedelta(days=30)
    assert ward.rows("SELECT count(*) FROM visit_notice") == [(0,)]


def test_a_planned_visit_gives_none(ward: Ward) -> None:
    told(ward, "A05")
    assert ward.documents(HOUSE, KNOWN) == 0


def test_a_relation_that_the_patient_ended_stays_ended(ward: Ward) -> None:
    told(ward, "A01")
    ward.end(KNOWN, ward.consents(KNOWN)[0])
    told(ward, "A08")
    assert ward.documents(HOUSE, KNOWN) == 0


def test_two_visits_are_two_relations(ward: Ward) -> None:
    told(ward, "A01", "V-9")
    told(ward, "A01", "V-10")
    told(ward, "A11", "V-9")
    assert ward.documents(HOUSE, KNOWN) == 1


def test_an_admission_of_an_identity_feed_lasts_for_the_usual_time(ward: Ward) -> None:
    told(ward, "A01", "", "2.3.1")
    assert ward.documents(HOUSE, KNOWN) == 1
    ward.clock.move(days=90)
    assert ward.documents(HOUSE, KNOWN) == 0
    (consent,) = ward.consents(KNOWN)
    assert consent.author.by == "ITI-8"


def test_where_visits_do_not_count_nothing_is_noted(
    installation: Settings, furnished: Path, tmp_path: Path
) -> None:
    off = {"relations_from_visits = true": "relations_from_visits = false"}
    record, content = furnished / "record.db", furnished / "content"
    ward = Ward.over(required(installation, tmp_path, record, content, **off), Clock(today()))
    try:
        ward.feed("A01", KNOWN, visit="V-9")
        assert ward.rows("SELECT count(*) FROM visit_notice") == [(0,)]
    finally:
        ward.close()
