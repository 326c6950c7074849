"""What other systems sent is taken once and found again: valid, invalid, and while workers race."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import delete

from gateway.errors import Outdated
from gateway.record.events import Received
from gateway.stores import tables
from gateway.stores.events import INVALID, OTHER_SENDER, USE, Question
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.book import Kept, Taken, TrailBook
from gateway.trail.dicom import read_message
from gateway.trail.fhir import audit_event
from gateway.trail.fhir_reading import read_json
from gateway.trail.receiving import judged, marked, unjudged

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ALWAYS = Question(since=millis(AT - timedelta(days=30)), until=millis(AT + timedelta(days=30)))
PATIENT = "P1^^^&2.999.3.1&ISO"


def xml(patient: str = PATIENT, at: datetime = AT, outcome: str = "0") -> bytes:
    written = patient.replace("&", "&amp;")
    return f"""<AuditMessage><EventIdentification EventActionCode="E" EventDateTime="{at.isoformat()}"
EventOutcomeIndicator="{outcome}"><EventID csd-code="110112" codeSystemName="DCM" originalText="Query"/>
<EventTypeCode csd-code="ITI-18" codeSystemName="IHE Transactions" originalText="Registry Stored Query"/>
</EventIdentification><ActiveParticipant UserID="alice" UserIsRequestor="true"/>
<AuditSourceIdentification AuditSourceID="emr"/>
<ParticipantObjectIdentification ParticipantObjectID="{written}" ParticipantObjectTypeCode="1"
ParticipantObjectTypeCodeRole="1"><ParticipantObjectIDTypeCode csd-code="2" codeSystemName="RFC-3881"
originalText="Patient Number"/></ParticipantObjectIdentification></AuditMessage>""".encode()


def message(raw: bytes, sender: str = "hospital", **told: Any) -> Received:
    return Received(raw=raw, form="dicom", at=AT, sender=sender, address="192.0.2.1", **told)


def take(record: Any, *messages: Received) -> list[Taken]:
    book: TrailBook = record.access.trail
    work = UnitOfWork()
    taken: list[Taken] = record.run(book.take(work, messages, AT))
    record.commit(work)
    return taken


def search(record: Any, **asked: Any) -> list[Kept]:
    found: list[Kept] = record.run(record.access.trail.search(replace(ALWAYS, **asked)))
    return found


def test_a_message_is_found_by_its_patient_as_it_came(record: Any) -> None:
    sent = message(xml(), header=(("pri", "85"), ("hostname", "emr")))
    other = message(xml("P2^^^&2.999.3.1&ISO"))
    taken = take(record, sent, other)
    (found,) = search(record, terms=frozenset({f"patient|{PATIENT}"}))
    assert (found.received, found.found.trail, found.found.flags) == (sent, USE, 0)
    assert (found.record.transaction, found.record.source_id) == ("ITI-18", "emr")
    assert found.name == taken[0].name
    assert {each.name for each in search(record)} == {each.name for each in taken}


def test_what_comes_again_is_not_kept_again(record: Any) -> None:
    sent = message(xml(), header=(("pri", "85"),))
    again = replace(sent, header=(("pri", "85"), ("structured-data", "[resent@32473]")))
    (first, second) = take(record, sent, again)
    assert first.name is not None
    assert second == Taken(None)
    assert take(record, again, message(xml(), sender="laboratory"))[0] == Taken(None)
    assert [each.received and each.received.sender for each in search(record)].count("hospital") == 1
    assert len(search(record)) == 2


def test_two_workers_that_take_the_same_keep_it_once(record: Any) -> None:
    book, sent, works = record.access.trail, message(xml()), [UnitOfWork(), UnitOfWork()]
    record.all(*[book.take(work, [sent], AT) for work in works])
    record.commit(works[0])
    with pytest.raises(Outdated):
        record.commit(works[1])
    assert take(record, sent) == [Taken(None)]
    assert len(search(record)) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"no XML at all \xff\xfe",
        b"<AuditMessage>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><AuditMessage/>',
        xml(outcome="3"),
    ],
)
def test_what_is_no_event_is_kept_at_the_time_it_came(record: Any, raw: bytes) -> None:
    take(record, message(raw))
    (found,) = search(record, since=millis(AT), until=millis(AT), types=frozenset({""}))
    assert found.found.flags == INVALID
    assert found.received is not None
    assert (found.received.raw, found.record.source_id) == (raw, "hospital")
    assert found.received.fault
    assert search(record, terms=frozenset({"agent|hospital"})) == [found]


def test_an_event_that_breaks_the_schema_is_found_and_marked(record: Any) -> None:
    older = xml().replace(b"csd-code", b"code")
    take(record, message(older))
    (found,) = search(record, terms=frozenset({f"patient|{PATIENT}"}))
    assert (found.record.event.code, found.found.flags) == ("110112", INVALID)
    assert found.received is not None
    assert "not follow the schema" in str(found.received.fault)


def test_an_event_of_an_impossible_time_is_found_when_it_came(record: Any) -> None:
    for year in (1985, 2099):
        take(record, message(xml(at=AT.replace(year=year))))
    found = search(record, since=millis(AT), until=millis(AT))
    assert [(each.found.flags, each.record.at.year) for each in found] in (
        [(INVALID, 1985), (INVALID, 2099)],
        [(INVALID, 2099), (INVALID, 1985)],
    )


def test_events_of_several_weeks_lie_with_their_weeks(record: Any) -> None:
    weeks = [message(xml(at=AT - timedelta(days=7 * number))) for number in range(3)]
    taken = take(record, *weeks, weeks[0])
    assert taken[3] == Taken(None)
    assert len({each.found.slot for each in search(record)}) == 3
    assert [each.name for each in search(record)] == [each.name for each in taken[:3]]


def test_what_the_index_lost_is_noted_again_as_it_was(record: Any) -> None:
    fhir = orjson.dumps(audit_event(read_message(xml()), "19a-1"))
    sent = [
        judged(message(xml())),
        marked(judged(message(b"no XML")), "laboratory"),
        judged(message(xml(at=AT.replace(year=2099)))),
        judged(replace(message(fhir, fault="not valid"), form="fhir"), read_json(fhir)),
        unjudged(message(b"<AuditMessage>")),
    ]
    work = UnitOfWork()
    taken = record.run(record.access.trail.keep(work, sent, AT))
    record.commit(work)
    whole, terms = search(record), search(record, terms=frozenset({f"patient|{PATIENT}"}))
    assert (len(whole), len(terms)) == (len(sent), 3)
    assert index(record) == len(sent)
    assert search(record) == whole
    assert sorted(each.found.flags for each in whole) == [
        0,
        INVALID,
        INVALID,
        INVALID,
        INVALID | OTHER_SENDER,
    ]
    work = UnitOfWork()
    record.access.trail.events.forget(work, USE, whole[0].found.slot)
    record.commit(work)
    assert search(record) == []
    assert index(record) == len(sent)
    assert search(record) == whole
    assert {each.name for each in whole} == {each.name for each in taken}
    assert search(record, terms=frozenset({f"patient|{PATIENT}"})) == terms


def test_a_week_that_was_erased_is_not_noted_again(record: Any) -> None:
    take(record, message(xml()))
    book, work = record.access.trail, UnitOfWork()
    (block,) = record.run(book.blocks.between(USE, -1, 2**63 - 1, 10))
    assert record.run(book.index(work, [block])) == 1
    record.run(record.database.apply([erasing()]))
    with pytest.raises(Outdated):
        record.commit(work)
    assert index(record) == 0


def index(record: Any) -> int:
    book, work = record.access.trail, UnitOfWork()
    blocks = record.run(book.blocks.between(USE, -1, 2**63 - 1, 10))
    count: int = record.run(book.index(work, blocks))
    record.commit(work)
    return count


def erasing() -> UnitOfWork:
    work = UnitOfWork()
    work.write(delete(tables.slot_key))
    return work
