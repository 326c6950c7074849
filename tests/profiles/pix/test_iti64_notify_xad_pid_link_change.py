"""Which local identifiers a registry is told of, with the patients they belonged and belong to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway.bindings.hl7v2 import Message, read_message
from gateway.config import Limits
from gateway.declare.notification import Telling
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.patients import PersonChange
from gateway.record.people import Node, PatientId, Subscriber
from profiles.pix.iti64_notify_xad_pid_link_change import LinkChange, link_changes, write

XAD, WARD = "2.999.1.1", "2.999.3"
X1, X2 = PatientId("X1", XAD), PatientId("X2", XAD)
A, B = PatientId("A", WARD), PatientId("B", WARD)


def change(person: int, before: tuple[PatientId, ...], after: tuple[PatientId, ...]) -> PersonChange:
    return PersonChange(person=person, before=before, after=after)


def found(*changes: PersonChange) -> list[LinkChange]:
    return list(link_changes(changes, XAD))


def test_a_local_identifier_that_moves() -> None:
    assert found(change(1, (X1, A), (X1,)), change(2, (X2,), (X2, A))) == [
        LinkChange(local=A, new=X2, previous=X1)
    ]


def test_a_local_merge_of_one_patient_has_the_patient_twice() -> None:
    merged = replace(change(1, (X1, A, B), (X1, A)), merged=((B, A),))
    assert found(merged) == [LinkChange(local=A, new=X1, previous=X1, subsumed=B)]


def test_a_local_merge_of_two_patients() -> None:
    stays = replace(change(1, (X1, A), (X1, A)), merged=((B, A),))
    assert found(stays, change(2, (X2, B), (X2,))) == [LinkChange(local=A, new=X1, previous=X2, subsumed=B)]


def test_nothing_where_no_local_identifier_changes_its_patient() -> None:
    assert found(change(1, (), (X1, A))) == []
    assert found(change(1, (A,), (X1, A))) == []
    assert found(change(1, (X1, A), (A,))) == []
    assert found(replace(change(1, (X1,), (X1,)), merged=((X2, X1),))) == []


def messages(*changes: PersonChange) -> list[Message]:
    telling = Telling(
        changes=changes,
        node=Node(
            name="registry",
            fingerprints=frozenset(),
            environment="integration",
            organisation="2.999.2",
            organisation_name="Registry",
            transactions=frozenset(),
        ),
        subscriber=Subscriber(form="ITI-64", address="mllps://registry.example:1"),
        domain=Domain(
            environment="integration",
            affinity_root=XAD,
            affinity_namespace="XAD",
            home_community="2.999.1.2",
            repository="2.999.1.3",
            base_url="https://localhost",
            identities={WARD: IdentityDomain(namespace="WARD", root=WARD)},
            source="2.999.1.4",
        ),
        at=datetime(2026, 3, 4, tzinfo=UTC),
        new_id=lambda: "123e4567-e89b-42d3-a456-426614174000",
    )
    return [read_message(each.payload, Limits()) for each in write(telling)]


def test_the_message() -> None:
    merged = replace(change(1, (X1, A), (X1, A)), merged=((B, A),))
    (message,) = messages(merged, change(2, (X2, B), (X2,)))
    assert message.field("MSH-3") == "XAD^2.999.1.4^ISO"
    assert message.field("MSH-9") == "ADT^A43^ADT_A43"
    assert message.field("PID-3") == f"X1^^^XAD&{XAD}&ISO~A^^^WARD&{WARD}&ISO"
    assert message.field("PID-5") == " "
    assert message.field("MRG-1") == f"X2^^^XAD&{XAD}&ISO~B^^^WARD&{WARD}&ISO"
    assert message.segments("PV1") == 0
