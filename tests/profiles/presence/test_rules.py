"""What requests about presence codes must hold, and what is answered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Refused
from gateway.record.access import Period
from gateway.record.consents import Author, Consent, Directive, Kind, Status
from gateway.record.people import PatientId
from profiles.presence import fhir_issue_code as issue
from profiles.presence import fhir_present_code as present
from tests.recording import DOMAIN

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANNA = PatientId("A-1", DOMAIN.affinity_root)
WHO = {"name": "patient", "valueIdentifier": {"system": f"urn:oid:{DOMAIN.affinity_root}", "value": "A-1"}}
CODE = {"name": "code", "valueString": "F7KM-3QRT"}


def asked(*parameters: dict[str, Any], kind: str = "Parameters") -> FhirRequest:
    return FhirRequest(
        variables={},
        parameters=(),
        body=b"",
        accept="",
        base="https://localhost/fhir",
        resource={"resourceType": kind, "parameter": list(parameters)},
    )


def test_a_request_for_a_code_names_the_patient() -> None:
    request = issue.decode(asked(WHO), DOMAIN)
    assert request.patient == ANNA
    assert issue.target(request).patients == (ANNA,)


def test_a_code_is_told_with_its_end_and_may_not_be_cached() -> None:
    reply = issue.encode(issue.Given(code="F7KM-3QRT", until=AT), DOMAIN)
    told = {each["name"]: each for each in json.loads(b"".join(reply.content.chunks()))["parameter"]}
    assert told["code"]["valueString"] == "F7KM-3QRT"
    assert told["expires"]["valueInstant"] == "2026-03-04T05:06:07.000Z"
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("words", "whole"), [((), False), (("person",), False), (("organisation",), True)])
def test_a_code_is_shown_for_a_person_or_the_organisation(words: tuple[str, ...], whole: object) -> None:
    request = present.decode(
        asked(WHO, CODE, *({"name": "for", "valueCode": each} for each in words)), DOMAIN
    )
    assert (request.patient, request.code, request.whole) == (ANNA, "F7KM-3QRT", whole)
    assert "F7KM" not in repr(present.target(request)), "the code stands in no audit"


def test_the_relation_is_told() -> None:
    relation = Directive(kind=Kind.RELATION, subject="dr-1", period=Period(AT, AT + timedelta(days=3)))
    consent = Consent(
        id="c-1",
        version=1,
        patient=ANNA,
        patient_key=1,
        status=Status.ACTIVE,
        directives=(relation,),
        author=Author(subject="dr-1", name="", kind="professional", by="presence code"),
        at=AT,
        trace_id="-",
    )
    reply = present.encode(present.Related(consent=consent), DOMAIN)
    told = {each["name"]: each for each in json.loads(b"".join(reply.content.chunks()))["parameter"]}
    assert told["consent"]["valueReference"] == {"reference": "Consent/c-1"}
    assert told["subject"]["valueString"] == "dr-1"
    assert told["period"]["valuePeriod"] == {
        "start": "2026-03-04T05:06:07.000Z",
        "end": "2026-03-07T05:06:07.000Z",
    }


@pytest.mark.parametrize(
    ("request_", "meaning"),
    [
        (asked(WHO, CODE, kind="Bundle"), Meaning.DATA_TYPE),
        (asked(CODE), Meaning.MISSING_PARAMETER),
        (asked(WHO), Meaning.MISSING_PARAMETER),
        (asked(WHO, WHO, CODE), Meaning.PARAMETER_COUNT),
        (asked(WHO, CODE, {"name": "more", "valueString": "-"}), Meaning.NOT_SUPPORTED),
        (asked(WHO, {"name": "code", "valueString": "A" * 65}), Meaning.DATA_TYPE),
        (asked(WHO, {"name": "code", "valueInteger": 1}), Meaning.MISSING_PARAMETER),
        (asked(WHO, CODE, {"name": "for", "valueString": "all"}), Meaning.TABLE_VALUE),
        (
            asked({**WHO, "valueIdentifier": {"system": "urn:oid:2.999.3", "value": "1"}}, CODE),
            Meaning.DATA_TYPE,
        ),
        (asked({**WHO, "valueIdentifier": {"value": "1"}}, CODE), Meaning.DATA_TYPE),
    ],
)
def test_what_is_wrong_is_refused(request_: FhirRequest, meaning: Meaning) -> None:
    with pytest.raises(Refused) as caught:
        present.decode(request_, DOMAIN)
    assert [each.meaning for each in caught.value.problems] == [meaning]
