"""Every door shows what the rights engine says and nothing beyond: no count, no reference, no other fault.

The expectation comes from the engine alone, asked with a person made by hand; the answer comes through the
whole pipeline. A door that decided for itself would differ in one of the cases.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from gateway.config import Settings
from gateway.declare.actions import Action
from gateway.record.access import PatientRights
from tests.contracts.doors import CALLERS, MORE, NOBODY, RIGHTS, UNIQUE_ID, Caller, World, cases

GET_ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, furnished: Path, installation: Settings, words: Any
) -> Iterator[World]:
    """One house for all cases; nothing that a case asks changes the record."""
    folder = tmp_path_factory.mktemp("doors")
    rules = folder / "policy"
    shutil.copytree(installation.policy.directory, rules)
    matrix = rules / "matrix.toml"
    table = "[roles.physician.may]"
    matrix.write_text(matrix.read_text().replace(table, table + MORE, 1))
    settings = replace(installation, policy=replace(installation.policy, directory=rules))
    house = words.standing(settings, folder, furnished / "record.db", furnished / "content")
    yield World(words.Forge(house), words)
    asyncio.run(house.gateway.close())


FEW = ("nothing", "opposed", "persons listed", "some lifted", "some raised", "mandated")
ASKED = [f"{who}: {what}" for who in CALLERS for what in (RIGHTS if "physician" in who else FEW)]


@pytest.fixture(params=ASKED)
def case(request: pytest.FixtureRequest, world: World) -> tuple[Caller, PatientRights]:
    """Somebody in front of a patient's decisions."""
    who, what = request.param.split(": ")
    rights = cases(world)[what]
    world.decided(rights)
    return CALLERS[who], rights


Case = tuple[Caller, PatientRights]


def entries(body: bytes) -> list[str]:
    """uniqueIds of the entries of a registry answer."""
    return [
        each.get("value")
        for each in etree.fromstring(body).iter("{*}ExternalIdentifier")
        if each.get("identificationScheme") == UNIQUE_ID
    ]


def check_nothing_of_others(world: World, body: bytes, seen: set[str]) -> None:
    """Neither uniqueId nor entryUUID of a document that is not shown."""
    for each in world.documents:
        if each.unique_id not in seen:
            assert each.unique_id.encode() not in body
            assert world.uuids[each.unique_id].encode() not in body


def test_the_registry(world: World, case: Case) -> None:
    """ITI-18: documents, references, all objects, associations; ITI-51 for the same patient."""
    caller, rights = case
    seen = world.shown(caller, Action.DOCUMENT_QUERY, rights)
    patient, status = f"'{world.patient}'", f"('{world.words.APPROVED}')"
    of_patient = ("$XDSDocumentEntryPatientId", patient), ("$XDSDocumentEntryStatus", status)
    found = world.query(caller, world.words.FIND, *of_patient)
    assert (found.registry, sorted(entries(found.body))) == ("Success", sorted(seen))
    check_nothing_of_others(world, found.body, seen)
    references = world.query(caller, world.words.FIND, *of_patient, returned="ObjectRef")
    assert references.body.count(b"<rim:ObjectRef ") == len(seen)
    check_nothing_of_others(world, references.body, seen)
    everything = world.query(
        caller,
        GET_ALL,
        ("$patientId", patient),
        ("$XDSDocumentEntryStatus", status),
        ("$XDSSubmissionSetStatus", status),
        ("$XDSFolderStatus", status),
    )
    assert sorted(entries(everything.body)) == sorted(seen)
    check_nothing_of_others(world, everything.body, seen)
    named = "\n".join(f"('{each.unique_id}')" for each in world.documents)
    by_name = world.query(caller, GET_DOCUMENTS, ("$XDSDocumentEntryUniqueId", named))
    assert sorted(entries(by_name.body)) == sorted(seen)
    uuids = "\n".join(f"('{each}')" for each in world.uuids.values())
    links = world.query(caller, GET_ASSOCIATIONS, ("$uuid", uuids))
    check_nothing_of_others(world, links.body, seen)
    across = world.across(caller)
    assert sorted(entries(across.body)) == sorted(world.shown(caller, Action.DOCUMENT_QUERY_MANY, rights))


def test_the_repository(world: World, case: Case) -> None:
    """ITI-43: what is refused is refused like what never existed."""
    caller, rights = case
    seen = world.shown(caller, Action.DOCUMENT_READ, rights)
    found = world.retrieve(caller, *(each.unique_id for each in world.documents), NOBODY)
    given = re.findall(rb"<xds:DocumentUniqueId>([^<]+)</xds:DocumentUniqueId>", found.body)
    assert sorted(each.decode() for each in given) == sorted(seen)
    refused = {
        re.search(r'location="([^"]*)"', each)[1]: re.sub(r"2\.\d[\d.]+\d", "id", each)  # type: ignore[index]
        for each in re.findall(r"<rs:RegistryError [^>]*>", found.body.decode("utf-8", "replace"))
    }
    assert set(refused) == {each.unique_id for each in world.documents} - seen | {NOBODY}
    assert len(set(refused.values())) == 1, "no refusal differs from that of an unknown document"


def test_mobile_health_documents(world: World, case: Case) -> None:
    """ITI-67 with its total, and ITI-68: what is refused looks like what never existed."""
    caller, rights = case
    seen = world.shown(caller, Action.DOCUMENT_QUERY, rights)
    root = world.patient.root
    asked = f"patient.identifier=urn:oid:{root}|{world.patient.extension}&status=current&_count=50"
    found = world.rest(caller, "/DocumentReference", asked)
    bundle = orjson.loads(found.body)
    matches = [each for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]
    names = [each["resource"]["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in matches]
    assert (bundle["total"], sorted(names)) == (len(seen), sorted(seen))
    check_nothing_of_others(world, found.body, seen)
    readable = world.shown(caller, Action.DOCUMENT_READ, rights)
    unknown = world.rest(caller, "/Binary/11111111-2222-4333-8444-555555555555")
    for each in world.documents[:: 1 + len(seen) % 4]:
        answer = world.rest(caller, f"/Binary/{world.uuids[each.unique_id].removeprefix('urn:uuid:')}")
        assert (answer.status == 200) is (each.unique_id in readable)
        if answer.status != 200:
            assert (answer.status, plain(answer.body)) == (unknown.status, plain(unknown.body))


def test_changes_are_refused_alike(world: World, case: Case) -> None:
    """ITI-57 and ITI-62, where the engine refuses: one neutral answer, and nothing has changed."""
    caller, rights = case
    assertion = world.assertion(caller)
    if not world.asked(caller, Action.DOCUMENT_UPDATE, rights).permitted:
        found = world.call("soap", world.forge.update(assertion=assertion))
        assert found.registry == "Failure"
        check_nothing_of_others(world, found.body, set())
    if not world.asked(caller, Action.DOCUMENT_REMOVE, rights).permitted:
        listed = "".join(f'<rim:ObjectRef id="{each}"></rim:ObjectRef>' for each in world.uuids.values())
        body = (
            '<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">'
            f'<rim:ObjectRefList xmlns:rim="{world.words.RIM}">{listed}</rim:ObjectRefList>'
            "</lcm:RemoveObjectsRequest>"
        )
        text = world.forge.envelope("ITI-62", [body.encode()], assertion=assertion)
        found = world.call("soap", world.forge.simple("ITI-62", text))
        assert found.registry == "Failure"
        check_nothing_of_others(world, found.body, set())


def test_the_index_of_patients(world: World, case: Case) -> None:
    """ITI-78 and ITI-83: open by role alone; what a patient decided about documents does not show."""
    caller, rights = case
    permitted = world.asked(caller, Action.PATIENT_QUERY, rights).permitted
    root, extension = world.patient.root, world.patient.extension
    answers = [
        world.rest(caller, "/Patient", f"identifier=urn:oid:{root}|{extension}"),
        world.rest(caller, "/Patient/$ihe-pix", f"sourceIdentifier=urn:oid:{root}|{extension}"),
    ]
    assert [each.status == 200 for each in answers] == [permitted] * 2
    world.decided(PatientRights())
    again = world.rest(caller, "/Patient", f"identifier=urn:oid:{root}|{extension}")
    assert plain(again.body) == plain(answers[0].body)


def plain(body: bytes) -> str:
    """An answer without what differs each time: trace, times, ids of a bundle."""
    text = re.sub(r"[0-9a-f]{32}", "trace", body.decode())
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "time", text)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "uuid", text)
