"""ITI-51 through the whole pipeline: who may ask across patients, and whose documents are shown."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.client import xds
from gateway.config.settings import Directories
from gateway.record.access import Opposition, PatientRights
from gateway.rights.rights_json import to_json

APPROVED = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
STATUS = ("$XDSDocumentEntryStatus", APPROVED)
LETTERS = ("$XDSDocumentEntryClassCode", "('18842-5^^2.16.840.1.113883.6.1')")
HEALTH_OFFICE = """
[roles.public-health]
code = "PUBLIC-HEALTH"
display = "Public health officer"
kinds = ["professional"]
may_emergency = false
rank = 1
needs_relation = false

[roles.public-health.may]
"document:query-many" = ["@summaries"]
"""


@pytest.fixture
def two(forge: Any, words: Any) -> Any:
    """A letter of each of two patients."""
    second = words.document(forge.house, xds.new_oid(), patient=forge.acting.full_id(words.OTHER))
    assert forge.send(forge.provide(second), unchanged=False).response == "Success"
    return forge


ASSUMED = Directories(professionals="assumed")
"""Nobody in the directory has the role that is added."""


@contextlib.contextmanager
def with_health_office(forge: Any, folder: Path) -> Iterator[Any]:
    """The same record under a policy with a role that may look through all records."""
    settings = forge.house.settings
    shutil.copytree(settings.policy.directory, folder)
    matrix = folder / "matrix.toml"
    matrix.write_text(matrix.read_text() + HEALTH_OFFICE)
    changed = replace(settings, policy=replace(settings.policy, directory=folder), directories=ASSUMED)
    with forge.under(changed) as found:
        yield found


def patients_of(found: Any) -> set[str]:
    """Patients whose documents an answer shows."""
    return {each.decode() for each in re.findall(rb'value="(CONTRACT-\d)\^', found.body)}


def ask(forge: Any, words: Any, *slots: tuple[str, str], **how: str) -> Any:
    body = forge.asked(words.FIND_MANY, *slots)
    return forge.send(forge.many(body, **how), unchanged=False, secret=False)


def test_documents_of_all_patients_are_found_and_each_patient_is_told(two: Any, words: Any) -> None:
    found = ask(two, words, STATUS, LETTERS)
    assert found.response == "Success"
    assert patients_of(found) == {words.PATIENT, words.OTHER}
    assert found.kinds == [words.queried(0)]
    told = found.audit[0].message
    assert all(
        f'ParticipantObjectID="{two.acting.full_id(each).replace("&", "&amp;")}"' in told
        for each in (words.PATIENT, words.OTHER)
    )


def test_named_patients_only(two: Any, words: Any) -> None:
    named = ("$XDSDocumentEntryPatientId", f"('{two.acting.full_id(words.OTHER)}')")
    assert patients_of(ask(two, words, STATUS, named)) == {words.OTHER}


@pytest.mark.parametrize("role", ["physician", "nurse", "pharmacist"])
def test_no_shipped_role_finds_anything(two: Any, words: Any, role: str) -> None:
    named = ("$XDSDocumentEntryPatientId", f"('{two.acting.full_id(words.PATIENT)}')")
    for slots in ((STATUS, LETTERS), (STATUS, named)):
        found = ask(two, words, *slots, role=role)
        assert found.response == "Success"
        assert patients_of(found) == set()
        assert "110147" in found.audit[0].message, "the decision is told"


def test_a_node_that_is_not_enrolled_for_it_is_refused(two: Any, words: Any) -> None:
    body = two.asked(words.FIND_MANY, STATUS, LETTERS)
    found = two.send(two.many(body, partner="hospital", role="physician"))
    assert found.kinds == [words.node]


def test_a_role_that_may_sees_what_patients_and_ranks_leave(two: Any, words: Any, tmp_path: Path) -> None:
    with with_health_office(two, tmp_path / "policy") as forge:
        assert patients_of(ask(forge, words, STATUS, LETTERS, role="public-health")) == {
            words.PATIENT,
            words.OTHER,
        }
        oppose(forge, words.OTHER)
        found = ask(forge, words, STATUS, LETTERS, role="public-health")
        assert found.response == "Success"
        assert patients_of(found) == {words.PATIENT}
        one = forge.send(forge.query(partner="tester", role="public-health"), unchanged=False, secret=False)
        assert patients_of(one) == set(), "the role has no other right"


def oppose(forge: Any, patient: str) -> None:
    """The patient objects to any use of the record."""
    house = forge.house
    ((key,),) = house._query(f"SELECT key FROM patient WHERE extension = '{patient}'")  # noqa: S608
    path = house.settings.database.url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        rights = to_json(PatientRights(oppositions=(Opposition(),)))
        connection.execute("INSERT INTO patient_rights VALUES (?, ?, 0, 1)", (key, rights))


def test_more_patients_than_the_limit_are_too_many(two: Any, words: Any) -> None:
    with two.limited(query_patients=1) as forge:
        found = forge.send(forge.many(forge.asked(words.FIND_MANY, STATUS, LETTERS)))
        assert found.codes == ["XDSTooManyResults"]
        other = ask(forge, words, STATUS, ("$XDSDocumentEntryClassCode", "('none^^2.999')"))
        assert other.response == "Success"


def test_the_queries_of_one_transaction_are_unknown_to_the_other(two: Any, words: Any) -> None:
    patient = ("$XDSDocumentEntryPatientId", f"'{two.acting.full_id(words.PATIENT)}'")
    one = two.send(two.many(two.asked(words.FIND, patient, STATUS)))
    other = two.send(two.query(body=two.asked(words.FIND_MANY, STATUS, LETTERS)))
    assert one.codes == other.codes == ["XDSUnknownStoredQuery"]


def test_something_must_narrow_the_search(two: Any, words: Any) -> None:
    found = two.send(two.many(two.asked(words.FIND_MANY, STATUS)))
    assert found.codes == ["XDSStoredQueryMissingParam"]
