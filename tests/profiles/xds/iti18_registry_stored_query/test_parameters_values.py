"""What the values of the parameters of a stored query mean (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.stores.search import ENTRY, SUBMISSION_SET, Ask, Condition
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query import target
from tests.profiles.xds.iti18_registry_stored_query.asking import (
    BASE,
    BY_NAME,
    PATIENT,
    STATUS,
    asked,
    find,
    refusal,
)


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (("('a^^s')",), ["a^^s"]),
        (("('a^^s','b^^s')",), ["a^^s", "b^^s"]),
        (("( 'a^^s' , 'b^^s' )",), ["a^^s", "b^^s"]),
        (("('a^^s')", "('b^^s','c^^s')"), ["a^^s", "b^^s", "c^^s"]),
        ((" ('a^^s','a^^s') ",), ["a^^s"]),
        (("('it''s^^s')",), ["it's^^s"]),
        (("('a,b(c)^^s')",), ["a,b(c)^^s"]),
    ],
)
def test_lists(domain: Domain, raw: tuple[str, ...], values: list[str]) -> None:
    query = find(domain, ("$XDSDocumentEntryClassCode", *raw))
    assert query.slots["$XDSDocumentEntryClassCode"] == (tuple(values),)
    assert query.conditions(ENTRY, ["$XDSDocumentEntryClassCode"]) == [
        Condition("class_code", Ask.IN, tuple(values))
    ]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_any_text_can_be_asked_for(texts: list[str]) -> None:
    """Quotes are doubled, everything else stays as it is."""
    domain = Domain(
        environment="x",
        affinity_root="2.999",
        affinity_namespace="",
        home_community="",
        repository="",
        base_url="",
    )
    listed = ",".join("'{}'".format(text.replace("'", "''")) for text in texts)
    query = find(domain, ("$XDSDocumentEntryAuthorPerson", f"({listed})"))
    expected = tuple(dict.fromkeys(text for text in texts if text))
    assert query.values("$XDSDocumentEntryAuthorPerson") == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a^^s",
        "'a^^s'",
        "()",
        "('a^^s'",
        "('a^^s',)",
        "('a^^s';'b^^s')",
        "('a''^^s)",
        "('a^^s')('b^^s')",
        "(a^^s)",
    ],
)
def test_lists_of_another_form(domain: Domain, raw: str) -> None:
    (problem,) = refusal(domain, *BASE, ("$XDSDocumentEntryClassCode", raw))
    assert (problem.meaning, problem.location) == (Meaning.GENERAL, "$XDSDocumentEntryClassCode")


@pytest.mark.parametrize("code", ["a", "a^s", "a^^", "^^s", "a^^s^x", "a^^^s"])
def test_codes_of_another_form(domain: Domain, code: str) -> None:
    (problem,) = refusal(domain, *BASE, ("$XDSDocumentEntryClassCode", f"('{code}')"))
    assert "'code^^scheme'" in problem.context


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2026", "20260101000000"),
        ("202602", "20260201000000"),
        ("20260203", "20260203000000"),
        ("'2026020304'", "20260203040000"),
        (" 20260203040506 ", "20260203040506"),
    ],
)
def test_times_begin_where_they_begin(domain: Domain, raw: str, value: str) -> None:
    query = find(domain, ("$XDSDocumentEntryCreationTimeFrom", raw))
    assert query.values("$XDSDocumentEntryCreationTimeFrom") == (value,)


@pytest.mark.parametrize("raw", ["26", "20261", "2026-01", "202601020304056", "x", "٢٠٢٦", "2026+0100"])
def test_times_of_another_form(domain: Domain, raw: str) -> None:
    (problem,) = refusal(domain, *BASE, ("$XDSDocumentEntryCreationTimeFrom", raw))
    assert problem.meaning is Meaning.GENERAL


def test_a_status_that_nothing_has_is_passed_over(domain: Domain) -> None:
    some = f"('urn:x','{codes.STATUS_PREFIX}Deprecated')"
    query = asked(BY_NAME["FindDocuments"], domain, PATIENT, ("$XDSDocumentEntryStatus", some))
    assert query.values("$XDSDocumentEntryStatus") == ("Deprecated",)
    (problem,) = refusal(domain, PATIENT, ("$XDSDocumentEntryStatus", "('urn:x')"))
    assert problem.meaning is Meaning.MISSING_PARAMETER


def test_types_and_association_types(domain: Domain) -> None:
    query = find(domain, ("$XDSDocumentEntryType", f"('{codes.ON_DEMAND}','{codes.STABLE}','urn:x')"))
    assert query.values("$XDSDocumentEntryType") == ("on-demand", "stable", "-")
    related = ("$XDSDocumentEntryEntryUUID", "'urn:uuid:1'")
    several = f"('{codes.ASSOCIATION_TYPES['RPLC']}','RPLC','{codes.ASSOCIATION_TYPES['signs']}')"
    query = asked(BY_NAME["GetRelatedDocuments"], domain, related, ("$AssociationTypes", several))
    assert query.values("$AssociationTypes") == ("RPLC", "-", "signs")
    query = asked(BY_NAME["GetRelatedDocuments"], domain, related, ("$AssociationTypes", "('RPLC')"))
    assert query.values("$AssociationTypes") == ("-",), "a type that nothing has finds nothing"


def test_uuids_are_compared_in_small_letters(domain: Domain) -> None:
    query = asked(
        BY_NAME["GetDocuments"], domain, ("$XDSDocumentEntryEntryUUID", "('urn:uuid:ABC', 'URN:UUID:DEF')")
    )
    assert query.values("$XDSDocumentEntryEntryUUID") == ("urn:uuid:abc", "urn:uuid:def")


def test_slots_of_one_name_are_conditions_of_their_own(domain: Domain) -> None:
    name = "$XDSDocumentEntryEventCodeList"
    query = find(domain, (name, "('a^^s','b^^s')"), (name, "('c^^s')"))
    assert query.conditions(ENTRY, [name]) == [
        Condition("event", Ask.VALUE, ("a^^s", "b^^s")),
        Condition("event", Ask.VALUE, ("c^^s",)),
    ]
    assert query.conditions(SUBMISSION_SET, [name]) == []


def test_values_are_limited(domain: Domain) -> None:
    few = replace(domain, max_values=3)
    name = "$XDSDocumentEntryEventCodeList"
    assert find(few, (name, "('a^^s','b^^s')"), (name, "('c^^s')")).given(name)
    (problem,) = refusal(few, *BASE, (name, "('a^^s','b^^s')"), (name, "('c^^s','d^^s')"))
    assert problem.meaning is Meaning.GENERAL


@pytest.mark.parametrize(
    "raw", ["('" + "''" * 50_000, "(" + "'a'," * 50_000, "(" + "a" * 200_000, "(" + "'',' " * 50_000]
)
def test_no_text_takes_long_to_read(domain: Domain, raw: str) -> None:
    begun = process_time()
    refusal(domain, *BASE, ("$XDSDocumentEntryClassCode", raw))
    assert process_time() - begun < 1


@pytest.mark.parametrize("raw", ["0", "3", "one", "'2.0'"])
def test_there_are_two_metadata_levels(domain: Domain, raw: str) -> None:
    assert not find(domain).history
    assert not find(domain, ("$MetadataLevel", "1")).history
    assert find(domain, ("$MetadataLevel", "2")).history
    (problem,) = refusal(domain, *BASE, ("$MetadataLevel", raw))
    assert problem.meaning is Meaning.GENERAL


def test_availability_is_a_column_of_its_own(domain: Domain) -> None:
    name = "$XDSDocumentEntryDocumentAvailability"
    query = find(domain, (name, f"('{codes.AVAILABILITY_PREFIX}Offline','urn:other')"))
    assert query.conditions(ENTRY, [name]) == [Condition("offline", Ask.IN, (True,))]


def test_an_availability_that_nothing_has_finds_nothing(domain: Domain) -> None:
    name = "$XDSDocumentEntryDocumentAvailability"
    (condition,) = find(domain, (name, "('urn:other')")).conditions(ENTRY, [name])
    assert condition.values == ()


def test_a_pattern_without_wildcards_is_a_value(domain: Domain) -> None:
    name = "$XDSDocumentEntryAuthorPerson"
    for value, ask in (("1^Doe^Jo", Ask.VALUE), ("1^Doe%", Ask.VALUE_LIKE), ("1^Doe_", Ask.VALUE_LIKE)):
        assert find(domain, (name, f"('{value}')")).conditions(ENTRY, [name]) == [
            Condition("author", ask, (value,))
        ]


def test_a_query_across_patients_narrows_by_something(domain: Domain) -> None:
    status = ("$XDSDocumentEntryStatus", STATUS)
    (problem,) = refusal(domain, status, of="FindDocumentsForMultiplePatients")
    assert problem.meaning is Meaning.MISSING_PARAMETER
    assert "$XDSDocumentEntryEventCodeList" in problem.context
    many = ("$XDSDocumentEntryPatientId", "('PAT-1^^^&2.999&ISO','PAT-2^^^&2.999&ISO')")
    query = asked(BY_NAME["FindDocumentsForMultiplePatients"], domain, status, many)
    assert [patient.extension for patient in target(query).patients] == ["PAT-1", "PAT-2"]
