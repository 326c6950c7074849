"""What the receiver of a patient feed answers, and what becomes of the message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.bindings import fhirxml
from gateway.declare.notification import Reception
from gateway.errors import GatewayError
from profiles.pmir.iti93_tell_patient_identity_feed import judge
from profiles.pmir.wire.feed import Draft


def answered(code: str) -> dict[str, Any]:
    header = {
        "resourceType": "MessageHeader",
        "eventUri": "urn:ihe:iti:pmir:2019:patient-feed-response",
        "source": {"endpoint": "https://consumer.example"},
        "response": {"identifier": "1", "code": code},
    }
    return {"resourceType": "Bundle", "type": "message", "entry": [{"resource": header}]}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (200, "ok", Reception.TAKEN),
        (201, "ok", Reception.TAKEN),
        (200, "transient-error", Reception.AGAIN),
        (200, "fatal-error", Reception.REFUSED),
        (200, "unheard-of", Reception.AGAIN),
        (422, "ok", Reception.REFUSED),
        (400, "ok", Reception.REFUSED),
        (401, "ok", Reception.AGAIN),
        (503, "ok", Reception.AGAIN),
    ],
)
def test_what_an_answer_says(status: int, code: str, expected: Reception) -> None:
    assert judge(status, json.dumps(answered(code)).encode()) is expected
    assert judge(status, fhirxml.write(answered(code))) is expected


def test_an_answer_without_a_message_is_told_by_its_status() -> None:
    assert judge(202, b"") is Reception.TAKEN
    assert judge(200, b'{"resourceType":"OperationOutcome","issue":[]}') is Reception.TAKEN


def test_what_is_no_fhir_is_not_read() -> None:
    with pytest.raises(GatewayError):
        judge(200, b"OK")


def test_a_draft_comes_back_as_it_was() -> None:
    draft = Draft(
        message_id="a",
        bundle_id="b",
        address="https://a.example",
        xml=True,
        created=(1,),
        changed=(2, 3),
        domains=("*",),
        subscription=4,
    )
    assert Draft.load(draft.dump()) == draft
