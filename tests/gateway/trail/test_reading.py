"""Who may read part of the trail sees events about the own patients, and nothing about others in them."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.record.access import Scope
from gateway.record.events import AuditRecord, Entity, Received
from gateway.record.people import Code, PatientId
from gateway.stores.events import USE, Found
from gateway.trail.book import Kept
from gateway.trail.reading import readable

AT = datetime(2026, 11, 22, tzinfo=UTC)
MINE, THEIRS = PatientId("MINE", "2.999.1"), PatientId("THEIRS", "2.999.1")
OWN = Scope(events_of=frozenset({MINE}))


def kept(*patients: PatientId) -> Kept:
    about = [Entity(identifier=str(each), type_code="1", role="1") for each in patients]
    query = Entity(identifier="urn:uuid:1", type_code="2", role="24", query="VEhFSVJT")
    letter = Entity(identifier="2.999.7", type_code="2", role="3")
    record = AuditRecord(event=Code("110112", "DCM"), at=AT, outcome=0, entities=(*about, query, letter))
    found = Found(2900, 0, 1, USE, 1, 0, "110112", "ITI-51", "E", 0, 0)
    return Kept(found=found, record=record, received=Received(raw=b"{}", form="fhir", at=AT))


def test_the_own_events_are_shown_as_they_are() -> None:
    own = kept(MINE)
    assert readable(own, OWN) is own


def test_what_is_about_others_is_left_out() -> None:
    shown = readable(kept(THEIRS, MINE), OWN)
    assert shown is not None
    assert [each.identifier for each in shown.record.entities] == [str(MINE), "2.999.7"]
    assert shown.received is None


def test_the_events_of_others_are_not_there() -> None:
    assert readable(kept(THEIRS), OWN) is None
    assert readable(kept(), OWN) is None
    assert readable(kept(MINE), Scope()) is None
    assert readable(None, OWN) is None


def test_who_may_read_the_whole_trail_reads_all_of_it() -> None:
    both = kept(THEIRS, MINE)
    assert readable(both, Scope(whole_trail=True)) is both
