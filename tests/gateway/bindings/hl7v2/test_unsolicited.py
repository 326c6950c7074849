"""HL7 v2 messages of our own: header, character set, and what an acknowledgement says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.bindings.hl7v2 import read_message
from gateway.bindings.hl7v2.unsolicited import (
    control_id,
    event,
    nameless,
    patient_ids,
    reception,
    written,
)
from gateway.config import Limits
from gateway.declare.notification import Reception, Telling
from gateway.errors import GatewayError
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.people import Node, PatientId, Subscriber

DOMAIN = Domain(
    environment="prod",
    affinity_root="2.999.1.1",
    affinity_namespace="XAD",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://localhost",
    identities={"2.999.3": IdentityDomain(namespace="WARD", root="2.999.3")},
    source="2.999.1.4",
)
NODE = Node(
    name="pharmacy",
    fingerprints=frozenset(),
    environment="prod",
    organisation="2.999.2.3",
    organisation_name="Pharmacy",
    transactions=frozenset(),
)
TELLING = Telling(
    changes=(),
    node=NODE,
    subscriber=Subscriber(form="ITI-10", address="mllps://a.example:1"),
    domain=DOMAIN,
    at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    new_id=lambda: "",
)
MESSAGE = ("ADT", "A31", "ADT_A05")


def message(telling: Telling = TELLING, *ids: str) -> bytes:
    named = tuple(PatientId(each, "2.999.3") for each in ids or ("1",))
    return written((*event(telling, "ITI-10", MESSAGE, "id"), nameless(patient_ids(named, DOMAIN))))


def test_header_event_and_patient() -> None:
    assert message().decode() == (
        "MSH|^~\\&|XAD^2.999.1.4^ISO|XAD^2.999.1.2^ISO|pharmacy|^2.999.2.3^ISO|20260304050607+0000||"
        "ADT^A31^ADT_A05|id|P|2.5|||||||||ITI-10^IHE\r"
        "EVN|A31|20260304050607+0000||||20260304050607+0000\r"
        "PID|||1^^^WARD&2.999.3&ISO|| |\r"
    )


def test_a_receiver_is_called_as_the_operator_says() -> None:
    named = replace(TELLING.subscriber, application="PIX^2.999.4^ISO", facility="CHL")
    found = read_message(message(replace(TELLING, subscriber=named)), Limits())
    assert (found.field("MSH-5"), found.field("MSH-6")) == ("PIX^2.999.4^ISO", "CHL")


def test_an_environment_for_tests_says_so() -> None:
    testing = replace(TELLING, domain=replace(DOMAIN, environment="preprod"))
    assert read_message(message(testing), Limits()).field("MSH-11") == "T"


def test_more_than_ascii_is_utf_8_and_says_so() -> None:
    found = read_message(message(TELLING, "\u00c9-1"), Limits())
    assert found.field("MSH-18") == "UNICODE UTF-8"
    assert found.field("MSH-21") == "ITI-10^IHE"
    assert found.value("PID-3.1") == "\u00c9-1"


def test_a_control_id_has_twenty_characters() -> None:
    assert control_id("123e4567-e89b-42d3-a456-426614174000") == "123e4567e89b42d3a456"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AA", Reception.TAKEN),
        ("CA", Reception.TAKEN),
        ("AE", Reception.REFUSED),
        ("CE", Reception.REFUSED),
        ("AR", Reception.AGAIN),
        ("CR", Reception.AGAIN),
        ("", Reception.AGAIN),
        ("XX", Reception.AGAIN),
    ],
)
def test_what_an_acknowledgement_says(code: str, expected: Reception) -> None:
    answer = f"MSH|^~\\&|A|B|C|D|20260304||ACK^A31^ACK|1|P|2.5\rMSA|{code}|id\r".encode()
    assert reception(200, answer) is expected


@pytest.mark.parametrize("answer", [b"", b"MSA|AA|id\r", b"\xff\xfe"])
def test_what_is_no_acknowledgement_is_not_read(answer: bytes) -> None:
    with pytest.raises(GatewayError):
        reception(200, answer)
