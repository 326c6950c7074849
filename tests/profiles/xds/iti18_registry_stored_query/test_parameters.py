"""How the parameters of a stored query are written (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.stores.search import ENTRY, KINDS, SUBMISSION_SET, Ask, Condition
from profiles.xds import codes
from profiles.xds.iti18_registry_stored_query import target
from profiles.xds.iti18_registry_stored_query.parameters import Query, read
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES, QUERIES
from profiles.xds.iti18_registry_stored_query.table import Definition, Form
from profiles.xds.iti18_registry_stored_query.vocabulary import NAMES_BY, PARAMETERS
from profiles.xds.wire.requests import StoredQuery

ALL = {**QUERIES, **MULTI_PATIENT_QUERIES}
BY_NAME = {definition.name: definition for definition in ALL.values()}
EVERY = pytest.mark.parametrize("definition", ALL.values(), ids=lambda item: item.name)
STATUS = f"('{codes.STATUS_PREFIX}Approved')"
PATIENT = ("$XDSDocumentEntryPatientId", "'PAT-1^^^&2.999.1.1&ISO'")
BASE = (PATIENT, ("$XDSDocumentEntryStatus", STATUS))
EXAMPLES = {
    Form.TEXT: "'x'",
    Form.UUID: "'urn:uuid:1'",
    Form.CODE: "'c^^s'",
    Form.STATUS: f"'{codes.STATUS_PREFIX}Approved'",
    Form.TIME: "2026",
    Form.TYPE: f"'{codes.STABLE}'",
    Form.RELATION: f"'{codes.ASSOCIATION_TYPES['APND']}'",
    Form.AVAILABILITY: f"'{codes.AVAILABILITY_PREFIX}Online'",
    Form.LEVEL: "2",
}


def asked(
    definition: Definition | str, domain: Domain, *slots: tuple[str, ...], return_type: str = "LeafClass"
) -> Query:
    identifier = definition if isinstance(definition, str) else definition.id
    request = StoredQuery(
        identifier=identifier,
        return_type=return_type,
        home=None,
        slots=[(name, tuple(values)) for name, *values in slots],
        text=b"<q/>",
    )
    return read(request, ALL, domain)


def find(domain: Domain, *slots: tuple[str, ...]) -> Query:
    return asked(BY_NAME["FindDocuments"], domain, *BASE, *slots)


def refusal(domain: Domain, *slots: tuple[str, ...], of: str = "FindDocuments") -> list[Problem]:
    with pytest.raises(Refused) as caught:
        asked(BY_NAME[of], domain, *slots)
    return list(caught.value.problems)


# --- the table -----------------------------------------------------------------------------------


def test_every_query_of_the_standard_is_there() -> None:
    assert set(BY_NAME) == {
        "FindDocuments", "FindSubmissionSets", "FindFolders", "GetAll", "GetDocuments", "GetFolders",
        "GetAssociations", "GetDocumentsAndAssociations", "GetSubmissionSets", "GetSubmissionSetAndContents",
        "GetFolderAndContents", "GetFoldersForDocument", "GetRelatedDocuments", "FindDocumentsByReferenceId",
        "FindDocumentsByTitle", "FindDocumentsExclude",
        "FindDocumentsForMultiplePatients", "FindFoldersForMultiplePatients",
        "FindDocumentsByReferenceIdForMultiplePatients",
    }  # fmt: skip
    assert not set(QUERIES) & set(MULTI_PATIENT_QUERIES)


@EVERY
def test_every_name_in_a_row_means_something(definition: Definition) -> None:
    used = {name for step in definition.steps for name in step.filters}
    assert definition.known <= set(PARAMETERS)
    assert used <= definition.known
    assert set(definition.single + definition.patients + definition.anchors) <= definition.known
    beside = {*definition.patients, *definition.anchors, "$MetadataLevel"}
    assert definition.known == used | (beside & definition.known)
    assert set(definition.any_of + definition.listed) <= definition.known
    assert {name for pair in definition.apart for name in pair} <= definition.known
    assert bool(definition.patients) != bool(set(NAMES_BY) & definition.known)
    for step in definition.steps:
        assert all(
            PARAMETERS[name].kind is step.kind for name in step.filters if name not in definition.patients
        )


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_filters_a_column_or_a_value(name: str) -> None:
    parameter = PARAMETERS[name]
    if parameter.ask in {Ask.VALUE, Ask.VALUE_LIKE}:
        assert parameter.kind.values is not None
    elif parameter.field:
        assert parameter.field in parameter.kind.table.c
    else:
        assert name in {"$patientId", "$uuid", "$MetadataLevel"} or name.endswith("PatientId")


def is_list(definition: Definition, name: str) -> bool:
    return name in definition.listed or (PARAMETERS[name].several and name not in definition.single)


def written(definition: Definition, name: str) -> str:
    example = EXAMPLES[PARAMETERS[name].form]
    return f"({example})" if is_list(definition, name) else example


def least(definition: Definition) -> list[tuple[str, ...]]:
    """The least that a query needs."""
    names = (*definition.required, *definition.one_of[:1], *definition.any_of[:1])
    return [(name, written(definition, name)) for name in names]


@EVERY
def test_the_least_and_the_most_that_a_query_takes(definition: Definition, domain: Domain) -> None:
    slots = least(definition)
    assert set(asked(definition, domain, *slots).slots) == {name for name, _ in slots}
    left_out = {*definition.one_of[1:], *(twin for _, twin in definition.apart)}
    most = definition.known - left_out
    query = asked(definition, domain, *((name, written(definition, name)) for name in most))
    assert set(query.slots) == most
    conditions = [item for kind in KINDS.values() for item in query.conditions(kind, tuple(query.slots))]
    fields = [PARAMETERS[name].field for name in query.slots]
    assert len(conditions) == len([field for field in fields if field])


@EVERY
def test_each_required_parameter_is_missed(definition: Definition, domain: Domain) -> None:
    slots = least(definition)
    for missing in slots:
        (problem,) = refusal(domain, *(slot for slot in slots if slot != missing), of=definition.name)
        assert problem.meaning is Meaning.MISSING_PARAMETER
        assert missing[0] in problem.context
    for pair in definition.apart:
        both = [*slots, *((name, written(definition, name)) for name in pair)]
        (problem,) = refusal(domain, *both, of=definition.name)
        assert problem.meaning is Meaning.PARAMETER_COUNT
    if definition.one_of:
        both = [*slots, (definition.one_of[1], written(definition, definition.one_of[1]))]
        (problem,) = refusal(domain, *both, of=definition.name)
        assert problem.meaning is Meaning.PARAMETER_COUNT


def test_all_that_is_missing_is_told_at_once(domain: Domain) -> None:
    problems = refusal(domain, of="GetAll")
    assert [problem.location for problem in problems] == list(BY_NAME["GetAll"].required)


@EVERY
def test_single_values_and_lists(definition: Definition, domain: Domain) -> None:
    """A list where one value is meant is a wrong number; no parentheses around a list are a wrong form."""
    for name in definition.known:
        slots = [slot for slot in least(definition) if slot[0] != name and slot[0] not in definition.one_of]
        slots += [] if name in definition.one_of else least(definition)[len(definition.required) :]
        slots = [slot for slot in dict.fromkeys(slots) if slot[0] != name]
        parameter = PARAMETERS[name]
        example = EXAMPLES[parameter.form]
        several = is_list(definition, name)
        wrong = example if several else f"({example},{example})"
        (problem,) = refusal(domain, *slots, (name, wrong), of=definition.name)
        assert problem.meaning is (Meaning.GENERAL if several else Meaning.PARAMETER_COUNT)
        assert problem.location == name
        if not several:
            (problem,) = refusal(domain, *slots, (name, example, example), of=definition.name)
            assert problem.meaning is Meaning.PARAMETER_COUNT
        twice = [*slots, (name, written(definition, name)), (name, written(definition, name))]
        if parameter.repeats:
            assert len(asked(definition, domain, *twice).slots[name]) == 2
        else:
            (problem,) = refusal(domain, *twice, of=definition.name)
            assert problem.meaning is Meaning.PARAMETER_COUNT


# --- the query -----------------------------------------------------------------------------------


def test_an_unknown_query(domain: Domain) -> None:
    for identifier in ("urn:uuid:00000000-0000-4000-8000-000000000000", "", "x" * 1000):
        with pytest.raises(Refused) as caught:
            asked(identifier, domain)
        assert caught.value.problems[0].meaning is Meaning.UNKNOWN_QUERY
        assert len(caught.value.detail) < 120


@pytest.mark.parametrize(
    ("return_type", "references"),
    [
        ("LeafClass", False),
        ("ObjectRef", True),
        ("RegistryObject", None),
        ("LeafClassWithRepositoryItem", None),
    ],
)
def test_return_types(domain: Domain, return_type: str, references: bool | None) -> None:  # noqa: FBT001
    definition = BY_NAME["GetDocuments"]
    slots = least(definition)
    if references is None:
        with pytest.raises(Refused):
            asked(definition, domain, *slots, return_type=return_type)
    else:
        assert asked(definition, domain, *slots, return_type=return_type).references == references


@pytest.mark.parametrize(
    "slot",
    [
        ("$XDSDocumentEntryTitle", "'Letter'"),
        ("$XDSDocumentEntryClassCodeExclude", "('c^^s')"),
        ("$XDSAssociationStatus", "not even a list"),
        ("$XDSDocumentEntryClassCodeScheme", "('x')"),
        ("$XDSFolderStatus", "x"),
        ("", ""),
    ],
)
def test_a_parameter_that_a_query_does_not_know_is_passed_over(domain: Domain, slot: tuple[str, str]) -> None:
    assert find(domain, slot).slots == find(domain).slots


# --- values --------------------------------------------------------------------------------------


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


# --- what the decision is asked about ------------------------------------------------------------


def test_the_target_names_patients_or_objects(domain: Domain) -> None:
    found = target(find(domain))
    assert [str(patient) for patient in found.patients] == ["PAT-1^^^&2.999.1.1&ISO"]
    assert found.named == ()
    assert found.query is not None
    assert found.query.identifier == BY_NAME["FindDocuments"].id
    query = asked(BY_NAME["GetSubmissionSets"], domain, ("$uuid", "('urn:uuid:1')"))
    (named,) = target(query).named
    assert (named.kind, named.by, named.values) == ("any", "uuid", ("urn:uuid:1",))


@pytest.mark.parametrize("value", ["'PAT-1'", "'PAT-1^^^NAME&2.999&ISO'", "'^^^&2.999&ISO'", "PAT-1"])
def test_a_malformed_patient_is_nobody(domain: Domain, value: str) -> None:
    query = asked(BY_NAME["FindDocuments"], domain, (PATIENT[0], value), ("$XDSDocumentEntryStatus", STATUS))
    assert target(query).patients == ()
