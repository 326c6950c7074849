"""What a search of ITI-81 asks for: dates, tokens, names and aliases, and which events pass."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.declare.bindings import FhirRequest
from gateway.errors import Refused
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.events import Agent, AuditRecord, Entity
from gateway.record.people import Code, PatientId
from gateway.stores.rows import millis
from profiles.atna.iti81_retrieve_audit_event.parameters import Search, read
from profiles.atna.wire.dates import EARLIEST, LATEST, read_span

AFFINITY, HOSPITAL = "2.999.1.1", "2.999.2.1"
DOMAIN = Domain(
    environment="integration",
    affinity_root=AFFINITY,
    affinity_namespace="PASSERELLE",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://gateway.example",
    identities={
        HOSPITAL: IdentityDomain(namespace="HOSPITAL", root=HOSPITAL, uris=("http://hospital.example/ids",))
    },
)


def at(text: str) -> int:
    return millis(datetime.fromisoformat(text).replace(tzinfo=UTC))


def search(*parameters: tuple[str, str], strict: bool = False) -> Search:
    request = FhirRequest(
        variables={},
        parameters=(("date", "ge2026"), *parameters),
        body=b"",
        accept="",
        base="https://gateway.example/fhir",
        strict=strict,
    )
    return read(request, DOMAIN)


def event(**more: Any) -> AuditRecord:
    given: dict[str, Any] = {
        "event": Code("110112", "DCM"),
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "outcome": 0,
    }
    return AuditRecord(**(given | more))


def patient(identifier: str, **more: Any) -> Entity:
    return Entity(identifier=identifier, type_code="1", role="1", **more)


@pytest.mark.parametrize(
    ("value", "since", "until"),
    [
        ("2026", "2026-01-01T00:00:00", "2026-12-31T23:59:59.999"),
        ("2026-02", "2026-02-01T00:00:00", "2026-02-28T23:59:59.999"),
        ("eq2026-12", "2026-12-01T00:00:00", "2026-12-31T23:59:59.999"),
        ("2026-03-04", "2026-03-04T00:00:00", "2026-03-04T23:59:59.999"),
        ("2026-03-04T05:06Z", "2026-03-04T05:06:00", "2026-03-04T05:06:59.999"),
        ("2026-03-04T05:06:07+02:00", "2026-03-04T03:06:07", "2026-03-04T03:06:07.999"),
        ("2026-03-04T05:06:07 02:00", "2026-03-04T03:06:07", "2026-03-04T03:06:07.999"),
        ("2026-03-04T05:06:07-01:30", "2026-03-04T06:36:07", "2026-03-04T06:36:07.999"),
        ("2026-03-04T05:06:07.123Z", "2026-03-04T05:06:07.123", "2026-03-04T05:06:07.123"),
        ("2026-03-04T05:06:07.1239Z", "2026-03-04T05:06:07.123", "2026-03-04T05:06:07.123"),
        ("2026-03-04T23:59:60Z", "2026-03-04T23:59:59", "2026-03-04T23:59:59.999"),
    ],
)
def test_a_date_stands_for_all_of_what_it_names(value: str, since: str, until: str) -> None:
    span = read_span(value)
    assert (span.since, span.until) == (at(since), at(until))


def test_prefixes_open_a_date_to_one_side() -> None:
    day, after = at("2026-03-04T00:00:00"), at("2026-03-05T00:00:00")
    spans = {prefix: read_span(f"{prefix}2026-03-04") for prefix in ("ge", "gt", "le", "lt", "sa", "eb")}
    assert [spans[each].since for each in ("ge", "gt", "sa")] == [day, after, after]
    assert [spans[each].until for each in ("le", "lt", "eb")] == [after - 1, day - 1, day - 1]
    assert spans["ge"].until == LATEST
    assert spans["lt"].since == EARLIEST


@pytest.mark.parametrize(
    "value", ["", "x", "ne2026", "ap2026", "2026-13", "2026-02-30", "26", "2026-01-01T25:00Z"]
)
def test_what_is_no_date_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        read_span(value)


def test_dates_narrow_each_other_and_alternatives_widen() -> None:
    asked = search(("date", "lt2027"), ("date", "2026-02,2026-05"))
    assert asked.span.since == at("2026-02-01T00:00:00")
    assert asked.span.until == at("2026-05-31T23:59:59.999")
    assert [asked.in_time(at(f"2026-{month}-10T00:00:00")) for month in ("01", "02", "03", "05")] == [
        False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["patient.identifier", "patient", "patient:identifier"])
def test_a_patient_is_found_under_every_spelling(name: str) -> None:
    cx = f"P1^^^&{AFFINITY}&ISO"
    (group,) = search((name, f"urn:oid:{AFFINITY}|P1")).groups
    assert group.patients == (PatientId("P1", AFFINITY),)
    assert group.terms >= {f"patient|{cx}", f"agent|{cx}"}
    told = [
        patient(cx),
        patient(f"P1^^^PASSERELLE&{AFFINITY}&ISO"),
        patient("P1", domain=f"urn:oid:{AFFINITY}"),
    ]
    for each in told:
        record = event(entities=(each,))
        assert group.test(record)
        assert not group.terms.isdisjoint(record.terms())
    assert group.test(event(agents=(Agent(user_id=cx),)))
    assert not group.test(event(entities=(patient(f"P1^^^&{HOSPITAL}&ISO"),)))
    assert not group.test(event(entities=(patient(f"P2^^^&{AFFINITY}&ISO"),)))


def test_a_patient_may_be_named_by_a_uri_or_without_a_system() -> None:
    (group,) = search(("patient", "http://hospital.example/ids|P1")).groups
    assert group.patients == (PatientId("P1", HOSPITAL),)
    assert group.test(event(entities=(patient(f"P1^^^&{HOSPITAL}&ISO"),)))
    assert group.test(event(entities=(patient("P1", domain="http://hospital.example/ids"),)))
    (anywhere,) = search(("patient", "P1")).groups
    for root in (AFFINITY, HOSPITAL):
        assert anywhere.test(event(entities=(patient(f"P1^^^&{root}&ISO"),)))
    assert anywhere.test(event(entities=(patient("P1"),)))


def test_an_object_is_found_with_and_without_the_prefix_of_oids() -> None:
    for value in ("2.999.7.1", "urn:oid:2.999.7.1", "urn:ietf:rfc:3986|urn:oid:2.999.7.1"):
        (group,) = search(("entity.identifier", value)).groups
        assert group.patients == ()
        for identifier in ("2.999.7.1", "urn:oid:2.999.7.1"):
            record = event(entities=(Entity(identifier=identifier, type_code="2", role="3"),))
            assert group.test(record)
            assert not group.terms.isdisjoint(record.terms())
    (group,) = search(("entity", "http://elsewhere|A")).groups
    assert group.test(event(entities=(Entity(identifier="A", domain="http://elsewhere"),)))
    assert not group.test(event(entities=(Entity(identifier="A"),)))


def test_an_object_that_is_a_patient_names_one() -> None:
    asked = search(("entity.identifier", f"urn:oid:{AFFINITY}|P1"), ("agent", "urn:oid:2.999.5|alice,bob"))
    assert asked.patients == (PatientId("P1", AFFINITY),)
    first, second = asked.groups
    assert (first.patients, second.patients) == ((PatientId("P1", AFFINITY),), ())
    assert second.test(event(agents=(Agent(user_id="alice", domain="urn:oid:2.999.5"),)))
    assert second.test(event(agents=(Agent(user_id="bob"),)))
    assert not second.test(event(agents=(Agent(user_id="alice"),)))


def test_only_transactions_are_asked_of_the_index() -> None:
    asked = search(("subtype", "urn:ihe:event-type-code|ITI-18"), ("type", "110112"))
    assert (asked.subtypes, asked.types) == ({"ITI-18"}, {"110112"})
    asked = search(("subtype", "110127"))
    assert asked.subtypes is None
    (test,) = asked.tests
    assert test(event(types=(Code("ITI-18", "IHE Transactions"), Code("110127", "DCM"))))
    assert not test(event(types=(Code("ITI-18", "IHE Transactions"),)))


def test_what_is_not_known_is_passed_over_unless_that_is_unwanted() -> None:
    assert search(("unheard-of", "1"), ("_sort", "-date")).groups == ()
    for asked in ({"unheard-of": "1"}, {"_sort": "-date"}):
        with pytest.raises(Refused):
            search(*asked.items(), strict=True)


def test_the_links_repeat_what_is_followed() -> None:
    asked = search(("unheard-of", "1"), ("patient", f"urn:oid:{AFFINITY}|P1"), ("_count", "900"))
    begin = "https://gateway.example/fhir/AuditEvent?date=ge2026&patient.identifier="
    assert asked.url() == f"{begin}urn%3Aoid%3A{AFFINITY}%7CP1&_count=200"
    assert asked.url("abc").endswith("&_page=abc")
    assert b"unheard-of" in asked.received
