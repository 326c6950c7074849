"""Notices and Tasks of emergency access as FHIR tells them, and what searches must hold."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.declare.bindings import FhirRequest
from gateway.declare.notification import Reception, Telling
from gateway.errors import Meaning, Refused
from gateway.record.emergencies import Claimant, Emergency, EmergencyNotice, Judgement, Use
from gateway.record.people import PatientId, Subscriber
from profiles.emergency import fhir_find_emergencies as found
from profiles.emergency import fhir_find_notices as notices
from profiles.emergency import fhir_judge_emergency as judging
from profiles.emergency import fhir_tell_notice as telling
from profiles.emergency.codes import ENDS
from profiles.emergency.wire.communication import write_communication
from profiles.emergency.wire.task import write_listed, write_task
from tests.recording import DOMAIN, NODE

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANNA = PatientId("A-1", DOMAIN.affinity_root)
SYSTEM = f"urn:oid:{DOMAIN.affinity_root}"
NOTICE = EmergencyNotice(
    key=255,
    patient=ANNA,
    at=AT,
    name="Dr One",
    role_name="Physician",
    organisation="2.999.5.1",
    organisation_name="House",
)
EMERGENCY = Emergency(
    key=254,
    patient=ANNA,
    patient_key=1,
    claimant=Claimant(
        subject="dr-1",
        name="Dr One",
        role="PHYSICIAN",
        role_name="Physician",
        organisation="2.999.5.1",
        organisation_name="House",
        reason="unconscious",
    ),
    at=AT,
    until=AT + timedelta(hours=12),
    deadline=AT + timedelta(days=7),
    trace_id="t" * 32,
)


def search(*parameters: tuple[str, str], **more: Any) -> FhirRequest:
    given: dict[str, Any] = {"variables": {}, "body": b"", "accept": "", "base": "https://localhost/fhir"}
    return FhirRequest(**{**given, **more, "parameters": parameters})


def test_a_notice_tells_that_it_was_who_and_when() -> None:
    told = write_communication(NOTICE, DOMAIN)
    assert (told["id"], told["status"], told["sent"]) == ("ff", "completed", "2026-03-04T05:06:07.000Z")
    assert told["subject"]["identifier"]["value"] == "A-1"
    assert told["payload"][0]["contentString"] == (
        "Dr One (Physician), House, used emergency access to your record on 2026-03-04 at 05:06 UTC. "
        "It is reviewed."
    )


def test_a_notice_without_organisation_role_or_name_reads_well() -> None:
    bare = replace(NOTICE, name="", role_name="", organisation=None, organisation_name=None)
    (payload,) = write_communication(bare, DOMAIN)["payload"]
    assert payload["contentString"].startswith("somebody used emergency access to your record on ")
    numbered = write_communication(replace(NOTICE, organisation_name=None), DOMAIN)
    assert numbered["sender"] == {"display": "Dr One, 2.999.5.1"}


def test_the_list_tells_nothing_of_the_patient() -> None:
    told = write_listed(EMERGENCY, AT)
    assert (told["id"], told["status"], told["priority"]) == ("fe", "requested", "routine")
    assert told["restriction"]["period"]["end"] == "2026-03-11T05:06:07.000Z"
    text = json.dumps(told)
    assert "A-1" not in text
    assert "unconscious" not in text
    assert "businessStatus" in write_listed(EMERGENCY, AT + timedelta(days=8))


@pytest.mark.parametrize("stop", [*ENDS, "ANOTHER"])
def test_an_entry_tells_how_it_ended_and_what_was_said(stop: str) -> None:
    ended = replace(
        EMERGENCY,
        stopped_at=AT + timedelta(hours=1),
        stop=stop,
        judgement=Judgement.ABUSE,
        judged_at=AT + timedelta(days=1),
        judged_by="dpo",
        judged_why="no patient of hers",
    )
    told = write_task(ended, [Use(at=AT, trace_id="u" * 32, transaction="ITI-18")], DOMAIN, AT)
    assert told["status"] == "completed"
    assert told["for"]["identifier"]["value"] == "A-1"
    assert told["output"] == [
        {"type": {"text": "outcome"}, "valueCode": "abuse"},
        {"type": {"text": "ended because"}, "valueString": ENDS.get(stop, stop)},
    ]
    assert told["note"][0]["text"] == "abuse: no patient of hers"
    texts = {each["type"]["text"]: each for each in told["input"]}
    assert texts["window"]["valuePeriod"]["end"] == "2026-03-04T06:06:07.000Z"
    assert texts["reason"]["valueString"] == "unconscious"
    assert texts["request"]["valueString"].startswith("ITI-18 2026-03-04T05:06:07.000Z")


@pytest.mark.parametrize("name", ["patient", "patient.identifier"])
def test_notices_are_searched_by_patient(name: str) -> None:
    asked = notices.decode(search((name, f"{SYSTEM}|A-1"), ("_count", "5")), DOMAIN)
    assert (asked.patient, asked.page.most) == (ANNA, 5)
    response = notices.FoundNotices(search=asked, notices=(NOTICE,), more=True)
    bundle = json.loads(b"".join(notices.encode(response, DOMAIN).content.chunks()))
    assert [each["relation"] for each in bundle["link"]] == ["self", "next"]
    assert bundle["entry"][0]["fullUrl"] == "https://localhost/fhir/Communication/ff"


@pytest.mark.parametrize(
    ("parameters", "meaning"),
    [
        ((), Meaning.MISSING_PARAMETER),
        ((("patient", "A-1"),), Meaning.DATA_TYPE),
        ((("patient", "urn:oid:2.999.3|A-1"),), Meaning.DATA_TYPE),
        ((("patient", f"{SYSTEM}|A-1"), ("patient", f"{SYSTEM}|A-2")), Meaning.PARAMETER_COUNT),
    ],
)
def test_other_searches_of_notices_are_refused(
    parameters: tuple[tuple[str, str], ...], meaning: Meaning
) -> None:
    with pytest.raises(Refused) as caught:
        notices.decode(search(*parameters), DOMAIN)
    assert [each.meaning for each in caught.value.problems] == [meaning]


def test_the_queue_is_searched_by_status() -> None:
    assert found.decode(search(), DOMAIN).states == frozenset(Judgement)
    assert found.decode(search(("status", "requested")), DOMAIN).states == {Judgement.OPEN}
    both = found.decode(search(("status", "requested,completed")), DOMAIN)
    assert both.states == frozenset(Judgement)
    with pytest.raises(Refused):
        found.decode(search(("status", "open")), DOMAIN)
    response = found.FoundEmergencies(search=both, emergencies=(EMERGENCY,), more=False, at=AT)
    bundle = json.loads(b"".join(found.encode(response, DOMAIN).content.chunks()))
    assert bundle["entry"][0]["fullUrl"] == "https://localhost/fhir/Task/fe"
    assert bundle["link"][0]["url"].startswith("https://localhost/fhir/Task/$emergencies?status=")


def test_a_judgement_has_outcome_and_reason() -> None:
    def said(**texts: str) -> judging.Word:
        told = [{"name": name, "valueString": text} for name, text in texts.items()]
        resource = {"resourceType": "Parameters", "parameter": told}
        return judging.decode(search(variables={"id": "fe"}, resource=resource), DOMAIN)

    assert said(outcome="abuse", reason="-").outcome is Judgement.ABUSE
    for wrong in ({"outcome": "open", "reason": "-"}, {"outcome": "abuse"}, {"reason": "-"}):
        with pytest.raises(Refused):
            said(**wrong)


def test_a_notice_is_sent_as_the_communication_that_is_read_here() -> None:
    told = Telling(
        changes=(),
        node=NODE,
        subscriber=Subscriber(form="EMG-4", address="https://portal.example/fhir/Communication"),
        domain=DOMAIN,
        at=AT,
        new_id=lambda: "id-1",
        notice=NOTICE,
    )
    (notice,) = telling.write(told)
    assert json.loads(notice.payload) == write_communication(NOTICE, DOMAIN)
    assert (notice.about.message_id, notice.about.patients[0].patient) == ("id-1", ANNA)
    assert list(telling.write(replace(told, notice=None))) == []


@pytest.mark.parametrize(
    ("status", "reception"),
    [(201, Reception.TAKEN), (400, Reception.REFUSED), (404, Reception.REFUSED), (503, Reception.AGAIN)],
)
def test_what_the_receiver_of_a_notice_says(status: int, reception: Reception) -> None:
    assert telling.judge(status, b"") is reception
