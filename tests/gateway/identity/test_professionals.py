"""Professionals as tokens know them, from the directory on both databases."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.crypto.keys import fingerprint
from gateway.identity.professionals import DirectoryProfessionals
from gateway.record.directory import Add, Attribute, Declined, Place, Unit, attributes
from gateway.record.people import Code
from gateway.stores.directory import Trail
from gateway.stores.work import UnitOfWork
from gateway.tokens.people import Membership
from tests.asking import entries_of
from tests.issuing import CLINIC, HART, HOSPITAL, NURSE, PHYSICIAN, person_signer
from tests.recording import AT

KEY = person_signer()


@pytest.fixture(params=["sqlite", "postgresql"])
def record(
    request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[[str, Path], Any]
) -> Iterator[Any]:
    """The stores over a fresh database with the newest schema."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "record.db")
        url = f"sqlite:///{tmp_path / 'record.db'}"
    found = opened(url, tmp_path / "content")
    yield found
    found.close()


@pytest.fixture
def people(record: Any) -> DirectoryProfessionals:
    return DirectoryProfessionals(record.access.directory, lambda: "2.999.1.1")


def put(record: Any, *entries: Add) -> None:
    desk, work = record.access.directory.desk(Trail(actor="x", at=AT, trace_id="0" * 32)), UnitOfWork()
    for each in entries:
        record.run(desk.put(each))
    desk.note(work)
    record.commit(work)


def test_a_person_is_found_by_certificate_and_by_name(record: Any, people: DirectoryProfessionals) -> None:
    put(record, *entries_of(replace(HART, roles=(PHYSICIAN, NURSE)), [KEY.certificate]))
    found = record.run(people.holder(fingerprint(KEY.certificate)))
    assert found == record.run(people.named("dr.hart"))
    assert (found.uid, found.name, found.active) == ("dr.hart", "Dr Eva Hart", True)
    assert found.roles == (Code("PHYSICIAN", "2.999.1.1"), Code("NURSE", "2.999.1.1"))
    assert found.memberships == (HOSPITAL,)
    assert found.certificates == {fingerprint(KEY.certificate): KEY.certificate}
    assert record.run(people.holder(fingerprint(b"another"))) is None
    assert record.run(people.named("nobody")) is None


def test_a_certificate_that_was_taken_away_finds_nobody(record: Any, people: DirectoryProfessionals) -> None:
    put(record, *entries_of(HART, [KEY.certificate]))
    other = person_signer()
    put(record, *entries_of(HART, [other.certificate]))
    assert record.run(people.holder(fingerprint(KEY.certificate))) is None
    assert record.run(people.holder(fingerprint(other.certificate))) is not None


def test_a_certificate_of_two_names_nobody(record: Any, people: DirectoryProfessionals) -> None:
    put(record, *entries_of(HART, [KEY.certificate]))
    put(record, *entries_of(replace(HART, uid="dr.other"), [KEY.certificate]))
    assert record.run(people.holder(fingerprint(KEY.certificate))) is None


def test_who_is_inactive_or_blocked_is_told_as_such(record: Any, people: DirectoryProfessionals) -> None:
    put(record, *entries_of(replace(HART, active=False), [KEY.certificate]))
    assert not record.run(people.holder(fingerprint(KEY.certificate))).active
    put(record, *entries_of(HART, [KEY.certificate]))
    desk = record.access.directory.desk(Trail(actor="x", at=AT, trace_id="0" * 32))
    place = Place("PASSERELLE", "LU", Unit.PROFESSIONAL, "uid", "dr.hart")
    record.run(desk.block(place, blocked=True))
    work = UnitOfWork()
    desk.note(work)
    record.commit(work)
    assert not record.run(people.named("dr.hart")).active


def test_organisations_above_count_too(record: Any, people: DirectoryProfessionals) -> None:
    put(
        record,
        *entries_of(HART, [KEY.certificate]),
        *entries_of(replace(HART, uid="x", memberships=(CLINIC,)), []),
    )
    below = Place("PASSERELLE", "LU", Unit.ORGANISATION, "uid", "2.999.2.1")
    above = Place("PASSERELLE", "LU", Unit.ORGANISATION, "uid", "2.999.2.8")
    group = Place("PASSERELLE", "LU", Unit.RELATIONSHIP, "cn", "parts of the clinic")
    linked = {
        "objectClass": ("groupOfNames", "top"),
        "cn": (group.value,),
        "owner": (above.dn,),
        "member": (below.dn,),
    }
    put(record, Add(group, attributes(Attribute(*each) for each in linked.items())))
    found = record.run(people.named("dr.hart"))
    assert set(found.memberships) == {HOSPITAL, Membership("2.999.2.8", "Clinic")}


def test_what_is_no_certificate_is_not_taken_and_names_nobody(
    record: Any, people: DirectoryProfessionals
) -> None:
    with pytest.raises(Declined):
        put(record, *entries_of(HART, [b"no certificate"]))
    assert record.run(people.named("dr.hart")) is None


def test_a_national_number_is_told(record: Any, people: DirectoryProfessionals) -> None:
    person, *others = entries_of(HART, [])
    identified = Attribute("HcIdentifier", ("LU:NPI:4711:Active", "LU:NPI:4712:Suspended"))
    put(record, replace(person, attributes={**person.attributes, "hcidentifier": identified}), *others)
    assert record.run(people.named("dr.hart")).national_id == "4711"
    assert record.run(people.named("LU:4711")).uid == "dr.hart"
