"""How the parameters of a stored query are written (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.domain import Domain
from gateway.stores.search import KINDS, Ask
from profiles.xds.iti18_registry_stored_query import target
from profiles.xds.iti18_registry_stored_query.queries import MULTI_PATIENT_QUERIES, QUERIES
from profiles.xds.iti18_registry_stored_query.table import Definition
from profiles.xds.iti18_registry_stored_query.vocabulary import NAMES_BY, PARAMETERS
from tests.profiles.xds.iti18_registry_stored_query.asking import (
    BY_NAME,
    EVERY,
    EXAMPLES,
    PATIENT,
    STATUS,
    asked,
    find,
    is_list,
    least,
    refusal,
    written,
)

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
