"""Who is told what when persons change: exactly one message for each set that results, and none otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.bindings.hl7v2 import read_message
from gateway.cli.compose import compose
from gateway.cli.init import create
from gateway.cli.settings import load_settings
from gateway.config import Limits
from gateway.record.demographics import Demographics, PersonName, Telecom
from gateway.record.people import PatientId
from gateway.record.revoked import RevokedKind
from gateway.stores.migrate import upgrade
from gateway.stores.revocations import Revocation
from gateway.stores.tables import patient_event as events
from gateway.stores.tables import patient_review as reviews
from gateway.stores.work import UnitOfWork
from tests.gateway.pipeline.announcing import (
    ANNA,
    DOMAINS,
    LAB,
    PAUL,
    SECRET,
    WARD,
    XAD,
    Desk,
    lab,
    notify,
    told,
    ward,
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """desk(TOML of the pharmacy's notify entries, issues=…): whether we give identifiers ourselves."""
    opened: list[Desk] = []

    def make(entries: str, *, issues: bool = False) -> Desk:
        home = tmp_path / "home"
        create(home, "integration")
        config = home / "passerelle.toml"
        text = config.read_text()
        if issues:
            text = text.replace("# issue_identifiers = false", "issue_identifiers = true")
        config.write_text(f"{text}{DOMAINS}")
        with (home / "nodes/pharmacy.toml").open("a") as file:
            file.write(entries)
        loaded = load_settings(home / "passerelle.toml")
        upgrade(loaded.database.url)
        opened.append(Desk(compose(loaded), home))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_a_new_patient_is_told_alone(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    assert at.sets() == [{ward("1")}]


def test_the_same_feed_again_and_a_change_of_demographics_are_not_told(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    assert len(at.sets()) == 1
    at.feed(ward("1"))
    at.feed(ward("1"), told=Demographics(telecoms=(Telecom(value="+352621999999"),)))
    assert at.sets() == []


def test_who_is_found_to_be_known_is_told_in_one_message_with_both(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.waiting()
    at.feed(lab("9"))
    assert at.sets() == [{ward("1"), lab("9")}]


def test_a_link_that_is_only_suspected_tells_the_new_patient_alone(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.waiting()
    names = (PersonName(family="Weber", given=("Annette",)),)
    at.feed(lab("9"), told=Demographics(names=names, birth_date=ANNA.birth_date, sex="F"))
    assert len(at.run(at.gateway.database.fetch(select(reviews.c.key)))) == 1
    assert at.sets() == [{lab("9")}]


def test_a_link_is_told_in_one_message_and_an_unlink_in_two(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(lab("9"), told=PAUL)
    assert at.sets() == [{ward("1")}, {lab("9")}]
    at.link(ward("1"), lab("9"))
    assert at.sets() == [{ward("1"), lab("9")}]
    at.unlink(ward("1"), lab("9"))
    assert sorted(at.sets(), key=str) == sorted([{ward("1")}, {lab("9")}], key=str)


def test_a_merge_is_told_in_one_message_with_who_stays(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"), told=Demographics(names=ANNA.names))
    at.feed(ward("2"))
    at.feed(lab("9"))
    assert at.sets()[-1] == {ward("2"), lab("9")}
    at.merge(ward("1"), ward("2"))
    assert at.sets() == [{ward("1"), lab("9")}]


def test_a_merge_of_two_who_are_linked_to_nobody_tells_who_stays(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(ward("2"), told=PAUL)
    at.waiting()
    at.merge(ward("1"), ward("2"))
    assert at.sets() == [{ward("1")}]


def test_a_merge_whose_links_do_not_hold_tells_both_sets(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(ward("2"), told=PAUL)
    at.feed(lab("9"), told=PAUL)
    at.waiting()
    at.merge(ward("1"), ward("2"))
    assert sorted(at.sets(), key=str) == sorted([{ward("1")}, {lab("9")}], key=str)


def test_a_merge_that_is_undone_tells_who_is_there_again(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"), told=Demographics(names=ANNA.names))
    at.feed(ward("2"))
    at.feed(lab("9"))
    at.merge(ward("1"), ward("2"))
    at.waiting()
    (last, *_) = at.run(at.gateway.database.fetch(select(events.c.operation).order_by(events.c.key.desc())))
    at.change(lambda index, call: index.undo(call, last.operation))
    assert sorted(at.sets(), key=str) == sorted([{ward("1")}, {ward("2"), lab("9")}], key=str)


def test_who_is_overwritten_by_another_person_is_told_in_two_messages(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(lab("9"))
    at.waiting()
    at.feed(lab("9"), told=PAUL)
    assert sorted(at.sets(), key=str) == sorted([{ward("1")}, {lab("9")}], key=str)


def test_a_removed_identifier_leaves_its_set(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(lab("9"))
    at.waiting()
    at.change(lambda index, call: index.remove(call, lab("9")))
    assert at.sets() == [{ward("1")}]
    at.change(lambda index, call: index.remove(call, ward("1")))
    assert at.sets() == []


def test_only_domains_of_interest_are_told_and_only_when_they_change(desk: Any) -> None:
    at = desk(notify("ITI-10", WARD))
    at.feed(lab("9"))
    assert at.sets() == []
    at.feed(ward("1"))
    assert at.sets() == [{ward("1")}]
    at.unlink(ward("1"), lab("9"))
    assert at.sets() == [], "whom it was with is of no interest"
    at.feed(lab("10"), told=PAUL)
    assert at.sets() == []


def test_what_a_node_may_not_see_is_not_told(desk: Any) -> None:
    at = desk(notify("ITI-10", SECRET, WARD))
    at.feed(PatientId("7", SECRET))
    assert at.sets() == []
    at.feed(ward("1"))
    assert at.sets() == [{ward("1")}]


def test_every_subscriber_is_told_and_a_blocked_node_is_not(desk: Any) -> None:
    at = desk(notify("ITI-10", port=2601) + notify("ITI-10", LAB, port=2602))
    at.feed(ward("1"))
    at.feed(lab("9"))
    found = at.waiting()
    assert [told(read_message(payload, Limits())) for _, payload, _ in found] == [
        {ward("1")},
        {ward("1"), lab("9")},
        {lab("9")},
    ]


def test_a_blocked_node_is_not_told(desk: Any) -> None:
    at = desk("")
    path = at.home / "nodes/pharmacy.toml"
    path.write_text(path.read_text().replace("blocked = false", "blocked = true") + notify("ITI-10"))
    at.gateway.nodes._next_check = 0.0
    assert at.gateway.nodes.named("pharmacy").notify
    assert at.gateway.nodes.subscribed() == ()


def test_the_audit_learns_the_message_id_and_the_patients(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(lab("9"))
    (_, one, about), (_, other, second) = at.waiting()
    assert about.message_id == read_message(one, Limits()).value("MSH-10")
    assert about.message_id != second.message_id
    assert second.message_id == read_message(other, Limits()).value("MSH-10")
    assert {each.patient for each in second.patients} == {ward("1"), lab("9")}


def test_a_request_that_is_refused_tells_nobody(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.waiting()
    with pytest.raises(Exception, match="both identifiers are the same"):
        at.merge(ward("1"), ward("1"))
    assert at.waiting() == []


def test_a_registry_learns_that_documents_belong_to_another_patient(desk: Any) -> None:
    at = desk(notify("ITI-64"), issues=True)
    at.feed(ward("1"))
    at.feed(lab("9"), told=PAUL)
    assert at.waiting() == [], "nobody's patient changed"
    at.link(ward("1"), lab("9"))
    ((code, payload, about),) = at.waiting()
    message = read_message(payload, Limits())
    assert code == "ITI-64"
    assert message.field("MSH-9") == "ADT^A43^ADT_A43"
    new, local = message.value("PID-3[1].4.2"), message.value("PID-3[2].4.2")
    assert (new, local) == (XAD, LAB)
    assert message.value("MRG-1.4.2") == XAD
    assert message.value("MRG-1.1") != message.value("PID-3[1].1")
    assert [(each.kind, each.life_cycle) for each in about.patients] == [
        ("localPatientId", ""),
        ("newPatientId", "1"),
        ("previousPatientId", "14"),
    ]


def with_status(told: Demographics, status: str) -> Demographics:
    return replace(told, status=status)


@pytest.mark.parametrize("status", ["FICT", "ANOM", "CACH", "USUR", "INVA", "DESA"])
def test_who_is_hidden_is_not_told(desk: Any, status: str) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"), told=with_status(ANNA, status))
    at.feed(ward("1"), told=with_status(replace(ANNA, sex="U"), status))
    assert at.sets() == []


def test_who_is_hidden_later_leaves_its_set_and_comes_back(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(lab("9"))
    at.waiting()
    at.feed(lab("9"), told=Demographics(status="USUR"))
    assert at.sets() == [{ward("1")}]
    at.feed(lab("9"), told=Demographics(status="VALI"))
    assert at.sets() == [{ward("1"), lab("9")}]


def test_a_hidden_identifier_that_ends_is_not_told(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    at.feed(ward("1"))
    at.feed(ward("2"), told=with_status(PAUL, "CACH"))
    at.waiting()
    at.merge(ward("1"), ward("2"))
    assert at.sets() == []


def test_a_revoked_node_is_told_nothing(desk: Any) -> None:
    at = desk(notify("ITI-10"))
    told = Revocation(
        kind=RevokedKind.NODE,
        name="pharmacy",
        at=datetime(2026, 3, 4, tzinfo=UTC),
        until=None,
        actor="operator",
        reason="intrusion",
    )
    work = UnitOfWork()
    at.gateway.revocations.add(work, told)
    at.run(at.gateway.engine.committer.commit(work))
    at.feed(ward("1"))
    assert at.sets() == []
