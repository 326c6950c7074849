"""Who may act: asked of the directory with every request (rule P1)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.identity.directories import (
    INACTIVE,
    NO_PARTNER,
    NOT_A_MEMBER,
    ROLE_NOT_HELD,
    UNKNOWN,
    Directories,
)
from gateway.record.access import ASSUMED, Standing
from gateway.record.demographics import Demographics
from gateway.record.directory import Add, Attribute, Change, Delete, Modify, attributes, read_place
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.stores.directory import Trail
from gateway.stores.work import UnitOfWork
from tests.making import PATIENT, ROOT
from tests.recording import AT

SCHEME, ISSUER = "2.999.1.1", "https://issuer.example"
TRAIL = Trail(actor="tester", at=AT, trace_id="0" * 32)
ANNA = Principal(
    kind=SubjectKind.PROFESSIONAL,
    subject="anna",
    name="Anna",
    issuer=ISSUER,
    role=Code("PHYSICIAN", SCHEME),
    organisation="2.999.8.1",
    purpose=None,
    confirmation="holder-of-key",
    token_id=None,
    token_digest=None,
    expires=None,
)
ROLES = {("PHYSICIAN", SCHEME): "physician", ("2211", "2.999.6"): "physician", ("NURSE", SCHEME): "nurse"}


def entry(dn: str, **given: str | list[str]) -> Add:
    held = [Attribute(name, (v,) if isinstance(v, str) else tuple(v)) for name, v in given.items()]
    return Add(read_place(f"{dn},dc=HPD,o=T,c=LU"), attributes(held))


def person(uid: str, *professions: str, **given: str | list[str]) -> Add:
    told = {"objectClass": "HCProfessional", "cn": uid, "sn": uid, "displayName": uid}
    told |= {"hpdProviderStatus": "Active", "hcProfession": list(professions) or ["PHYSICIAN"]}
    return entry(f"uid={uid},ou=HCProfessional", **{**told, **given})


def organisation(uid: str, **given: str) -> Add:
    told = {"objectClass": "HCRegulatedOrganization", "HcRegisteredName": uid}
    return entry(f"uid={uid},ou=HCRegulatedOrganization", **told, **given)


def group(owner: str, *members: str) -> Add:
    named = [f"{each},dc=HPD,o=T,c=LU" for each in members]
    owned = f"uid={owner},ou=HCRegulatedOrganization,dc=HPD,o=T,c=LU"
    return entry(f"cn={owner},ou=Relationship", objectClass="groupOfNames", owner=owned, member=named)


class World:
    """A ward of a hospital, where Anna works; directories that know it."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.directories = Directories(
            providers=record.access.directory,
            patients=record.patients,
            role_of=lambda code: ROLES.get((code.code, code.scheme)),
            scheme=lambda: SCHEME,
            authorities={ISSUER: "2.999.77"},
        )
        self.do(
            organisation("2.999.8.1"),
            organisation("ward"),
            organisation("2.999.8.2"),
            person("anna", HcIdentifier=["2.999.77:NPI:4711:Active", "2.999.77:OLD:1:Inactive"]),
            group("ward", "uid=anna,ou=HCProfessional"),
            group("2.999.8.1", "uid=ward,ou=HCRegulatedOrganization"),
        )

    def do(self, *edits: Any) -> None:
        work, desk = UnitOfWork(), self.record.access.directory.desk(TRAIL)
        for each in edits:
            self.record.run(desk.do(each))
        desk.note(work)
        self.record.commit(work)

    def says(self, **changes: Any) -> Standing:
        return self.record.run(self.directories.standing(replace(ANNA, **changes), AT))

    def set(self, dn: str, name: str, *values: str) -> None:
        place = read_place(f"{dn},dc=HPD,o=T,c=LU")
        self.do(Modify(place, (Change("replace", Attribute(name, values)),)))


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[..., Any]) -> Iterator[World]:
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").fresh()
    else:
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "record.db")
        url = f"sqlite:///{tmp_path / 'record.db'}"
    record = opened(url, tmp_path / "content")
    yield World(record)
    record.close()


def test_who_stands_in_the_directory_has_all_names(world: World) -> None:
    told = world.says()
    assert told.missing is None
    assert told.names == {"anna", "2.999.77:NPI:4711", "2.999.77:4711", "4711^^^&2.999.77&ISO"}


@pytest.mark.parametrize(
    "called",
    [
        {"subject": "2.999.77:NPI:4711"},
        {"subject": "4711^^^&2.999.77&ISO"},
        {"subject": "4711"},
        {"subject": "somebody", "provider_ids": ("4711^^^&2.999.77&ISO",)},
        {"organisation": "ward"},
        {"role": Code("2211", "2.999.6")},
    ],
)
def test_ways_to_be_called(world: World, called: dict[str, Any]) -> None:
    assert world.says(**called).missing is None


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ({"subject": "nobody"}, UNKNOWN),
        ({"subject": "ANNA"}, UNKNOWN),
        ({"subject": "4711", "issuer": "https://other.example"}, UNKNOWN),
        ({"subject": "1^^^&2.999.77&ISO"}, UNKNOWN),
        ({"organisation": "2.999.8.2"}, NOT_A_MEMBER),
        ({"organisation": None}, NOT_A_MEMBER),
        ({"organisation": ""}, NOT_A_MEMBER),
        ({"role": Code("NURSE", SCHEME)}, ROLE_NOT_HELD),
        ({"role": Code("PHYSICIAN", "2.999.6")}, ROLE_NOT_HELD),
        ({"role": None}, ROLE_NOT_HELD),
        ({"kind": SubjectKind.OPERATOR}, NO_PARTNER),
        ({"kind": SubjectKind.NODE, "subject": "hospital"}, ASSUMED),
    ],
)
def test_who_does_not_count(world: World, told: dict[str, Any], standing: Standing) -> None:
    assert world.says(**told) == standing


def test_two_active_people_of_one_name_are_nobody(world: World) -> None:
    world.do(person("ben", HcIdentifier="2.999.77:NPI:4711:Active"))
    assert world.says(subject="4711^^^&2.999.77&ISO") == UNKNOWN
    assert world.says().missing is None, "the uid is hers alone"
    assert world.says(provider_ids=("4711^^^&2.999.77&ISO",)) == UNKNOWN
    world.set("uid=ben,ou=HCProfessional", "hpdProviderStatus", "Retired")
    assert world.says(subject="4711^^^&2.999.77&ISO").missing is None


def test_identifiers_of_somebody_else_do_not_help(world: World) -> None:
    world.do(person("ben"))
    world.set("uid=ben,ou=HCProfessional", "hpdProviderStatus", "Inactive")
    assert world.says(subject="ben", provider_ids=("4711^^^&2.999.77&ISO",)) == INACTIVE


@pytest.mark.parametrize("status", ["Inactive", "Deceased", "Retired"])
def test_a_status_counts_at_once(world: World, status: str) -> None:
    world.set("uid=anna,ou=HCProfessional", "hpdProviderStatus", status)
    assert world.says() == INACTIVE
    world.set("uid=anna,ou=HCProfessional", "hpdProviderStatus", "Active")
    assert world.says().missing is None
    world.set("uid=anna,ou=HCProfessional", "hpdProviderStatus")
    assert world.says() == INACTIVE, "who does not say so is not active"


def test_an_inactive_organisation_has_no_members(world: World) -> None:
    world.set("uid=2.999.8.1,ou=HCRegulatedOrganization", "hpdProviderStatus", "Inactive")
    assert world.says() == NOT_A_MEMBER
    assert world.says(organisation="ward").missing is None


def test_membership_ends_with_its_group_and_goes_up_only(world: World) -> None:
    world.do(person("ben"), group("2.999.8.2", "uid=ben,ou=HCProfessional"))
    assert world.says(subject="ben", organisation="2.999.8.2").missing is None
    assert world.says(subject="ben", organisation="ward") == NOT_A_MEMBER
    world.do(Delete(read_place("cn=2.999.8.1,ou=Relationship,dc=HPD,o=T,c=LU")))
    assert world.says() == NOT_A_MEMBER
    assert world.says(organisation="ward").missing is None


def test_circles_of_organisations_end(world: World) -> None:
    circle = group("2.999.8.2", "uid=2.999.8.1,ou=HCRegulatedOrganization")
    world.do(circle)
    top = "uid=2.999.8.2,ou=HCRegulatedOrganization,dc=HPD,o=T,c=LU"
    place = read_place("cn=ward,ou=Relationship,dc=HPD,o=T,c=LU")
    world.do(Modify(place, (Change("add", Attribute("member", (top,))),)))
    assert world.says(organisation="2.999.8.2").missing is None
    assert world.says(organisation="2.999.8.9") == NOT_A_MEMBER


def test_patients_and_those_who_act_for_them(world: World) -> None:
    other = PatientId("PAT-2", ROOT)
    world.record.feed()
    world.record.feed(other, Demographics())
    patient = {"kind": SubjectKind.PATIENT, "role": Code("PAT", SCHEME), "organisation": None}
    assert world.says(**patient, subject=str(PATIENT)) == ASSUMED
    for nobody in (f"NOBODY^^^&{ROOT}&ISO", "PAT-1", "PAT-1^^^&&ISO", f"PAT-1^^^&{ROOT}&L", ""):
        assert world.says(**patient, subject=nobody) == UNKNOWN, nobody
    world.directories = replace(world.directories, authorities={ISSUER: ROOT})
    assert world.says(**patient, subject="PAT-1") == ASSUMED
    world.record.merge(PATIENT, other)
    assert world.says(**patient, subject=str(other)) == INACTIVE


def test_no_directory_is_asked_where_all_are_assumed(world: World) -> None:
    world.directories = replace(world.directories, professionals_assumed=True, patients_assumed=True)
    assert world.says(subject="nobody") == ASSUMED
    assert world.says(kind=SubjectKind.PATIENT, subject="nobody") == ASSUMED
    assert world.says(kind=SubjectKind.OPERATOR) == NO_PARTNER


def test_nothing_is_remembered(world: World) -> None:
    """Another worker, with its own connection, shuts somebody out."""
    assert world.says().missing is None

    async def block() -> None:
        work, desk = UnitOfWork(), world.record.access.directory.desk(TRAIL)
        await desk.block(read_place("uid=anna,ou=HCProfessional,dc=HPD,o=T,c=LU"), blocked=True)
        desk.note(work)
        await world.record.committer.commit(work)

    world.record.run(asyncio.wait_for(block(), 10))
    assert world.says() == INACTIVE
