from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Problem
from gateway.record.documents import Author, EntryType, Submission
from gateway.record.domain import CodeList, Domain, Limit
from gateway.record.people import Code, PatientId
from profiles.xds.rules import Column, check

OTHER = PatientId("PAT-2", "2.999.1.1")
STABLE = [column for column in Column if column is not Column.ON_DEMAND]
FIELDS = {
    "classCode": "class_code",
    "typeCode": "type_code",
    "formatCode": "format_code",
    "healthcareFacilityTypeCode": "facility_type",
    "practiceSettingCode": "practice_setting",
    "confidentialityCode": "confidentiality",
    "eventCodeList": "events",
}


def problems(submission: Submission, domain: Domain, column: Column = Column.REPOSITORY) -> list[Problem]:
    return check(submission, column, domain)


def of_entry(make: Any, domain: Domain, column: Column = Column.REPOSITORY, **changes: Any) -> list[Problem]:
    """The problems of a document with some fields changed, each told at that document."""
    entry = make.entry(**changes)
    found = problems(make.submission(entry), domain, column)
    assert all(problem.location == entry.id for problem in found)
    return found


def contexts(found: list[Problem]) -> list[str]:
    assert all(problem.meaning is Meaning.METADATA_INVALID for problem in found)
    return [problem.context for problem in found]


def complete(make: Any, column: Column) -> Submission:
    """A submission that keeps every rule of a column."""
    limited = column is Column.XDR_LIMITED
    stable = {"uri": "DOC.XML"}
    on_demand = dict.fromkeys(("creation_time", "hash", "size")) | {"type": EntryType.ON_DEMAND}
    changes = (on_demand if column is Column.ON_DEMAND else stable) | {"limited": limited}
    return make.submission(
        make.entry(**changes),
        make.entry(**changes),
        folders=[make.folder(limited=limited)],
        limited=limited,
    )


@pytest.mark.parametrize("column", Column)
def test_a_complete_submission_has_no_problem(make: Any, domain: Domain, column: Column) -> None:
    assert problems(complete(make, column), domain, column) == []


def test_a_document_of_no_octets_has_a_size(make: Any, domain: Domain) -> None:
    assert of_entry(make, domain, size=0) == []


@pytest.mark.parametrize("column", STABLE)
def test_an_on_demand_entry_comes_with_its_own_transaction(make: Any, domain: Domain, column: Column) -> None:
    given = complete(make, column)
    wrong = replace(given, documents=tuple(replace(e, type=EntryType.ON_DEMAND) for e in given.documents))
    assert ["ITI-61" in text for text in contexts(problems(wrong, domain, column))] == [True, True]


def test_a_stable_entry_does_not_come_with_iti_61(make: Any, domain: Domain) -> None:
    stable = make.entry(creation_time=None, hash=None, size=None)
    (text,) = contexts(problems(make.submission(stable), domain, Column.ON_DEMAND))
    assert "ITI-42" in text


@pytest.mark.parametrize("field", ["creation_time", "service_start", "service_stop"])
@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("2026", True), ("202602", True), ("20260203", True), ("2026020304", True), ("202602030405", True),
        ("20260203040506", True), ("20261", False), ("202613", False), ("20260132", False),
        ("2026010124", False),
        ("202601010060", False), ("20260203040506.5", False), ("2026-02-03", False), ("", False),
        ("20260203040506+0100", False), ("٢٠٢٦", False), ("20260230", False), ("20250229", False),
        ("20240229", True), ("0000", False), ("202602031", False),
    ],
)  # fmt: skip
def test_times(make: Any, domain: Domain, field: str, value: str, right: bool) -> None:  # noqa: FBT001
    found = of_entry(make, domain, **{field: value})
    assert (not found) == right
    assert all("creationTime" in text or "service" in text for text in contexts(found))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hash", "a" * 39), ("hash", "g" * 40),
        ("source_patient_id", "S-1"), ("source_patient_id", "S-1^^^Hospital&2.999&ISO"),
        ("source_patient_id", "S-1^^^&2.999&DNS"), ("source_patient_id", "^^^&2.999&ISO"),
        ("language", "e_n"), ("language", "englishlanguage"),
        ("repository", "urn:oid:2.999"), ("repository", "2.0999"), ("repository", "2." + "9" * 63),
        ("reference_ids", ("X",)), ("reference_ids", ("X^^^&2.999&ISO",)),
        ("reference_ids", ("^^^&2.999&ISO^t",)),
        ("unique_id", "x" * 129), ("unique_id", "a\tb"), ("unique_id", "ä"), ("title", "x" * 129),
        ("mime_type", "x/" + "x" * 256), ("mime_type", "text"), ("mime_type", "text/"),
        ("mime_type", "te xt/xml"), ("comments", "x" * 1025),
        ("availability", "Online"), ("legal_authenticator", "^^Jo"),
        ("source_patient_info", ("PID-0|x",)), ("source_patient_info", ("PID-40|x",)),
        ("source_patient_info", ("PID-5|a\\b",)),
        ("language", "x"), ("home", "2.999"), ("home", "urn:oid:x"), ("home", "urn:oid:2." + "9" * 63),
        ("id", "urn:uuid:x"), ("id", "urn:uuid:" + "0" * 100),
        ("logical_id", "urn:uuid:00000000-0000-4000-8000-0000000000ff"),
        ("limited", True), ("type", EntryType.ON_DEMAND),
        ("source_patient_info", ("PID-2|x",)), ("source_patient_info", ("PID-19|x",)),
        ("source_patient_info", ("PID3|x",)), ("source_patient_info", ("PID-7|1", "PID-7|2")),
        ("source_patient_info", ("PID-8|M", "PID-3|x", "PID-8|F")),
    ],
)  # fmt: skip
def test_a_value_of_another_form(make: Any, domain: Domain, field: str, value: Any) -> None:
    assert len(contexts(of_entry(make, domain, **{field: value}))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"reference_ids": ("X^^^&2.999&ISO^urn:ihe:iti:xds:2013:order", "Y^^^^urn:x")},
        {"source_patient_info": ("PID-3|x", "PID-3|y", "PID-5|Doe^Jo^^^", "PID-8|F")},
        {"home": "urn:oid:2.999.1.2"},
        {"id": "Symbol"},
        {"id": "urn:uuid:00000000-0000-4000-8000-0000000000AF"},
        {"hash": "A" * 40},
        {"language": "de-CH-1996"},
        {"language": "x-klingon"},
        {"mime_type": "text/plain; charset=utf-8"},
        {"availability": "urn:ihe:iti:2010:DocumentAvailability:Offline"},
        {"legal_authenticator": "1^Doe^Jo^^^^^^&2.999&ISO"},
        {"unique_id": "2.999^Anything"},
        {"title": None, "authors": ()},
        {"service_start": "20260101", "service_stop": "20260101"},
        {"service_start": "2026010110", "service_stop": "20260101"},
        {"service_start": "20260101", "service_stop": "2026"},
    ],
)
def test_values_that_are_right(make: Any, domain: Domain, changes: dict[str, Any]) -> None:
    assert of_entry(make, domain, **changes) == []


@pytest.mark.parametrize(
    ("start", "stop"), [("20260102", "20260101"), ("2027", "2026"), ("202602", "202601")]
)
def test_a_service_does_not_end_before_it_starts(make: Any, domain: Domain, start: str, stop: str) -> None:
    found = of_entry(make, domain, service_start=start, service_stop=stop)
    assert contexts(found) == [f"serviceStartTime {start} is after serviceStopTime {stop}"]


@pytest.mark.parametrize("unique_id", ["2", "2.999.", "2.999.01", "x", "urn:oid:2.999", "2." + "9" * 63])
def test_ids_of_sets_and_folders_are_oids(make: Any, domain: Domain, unique_id: str) -> None:
    text = "an OID of at most 64" if len(unique_id) > 64 else "is not an OID of at most 64 characters"
    for submission in (
        make.submission(unique_id=unique_id),
        make.submission(source_id=unique_id),
        make.submission(folders=[make.folder(unique_id=unique_id)]),
    ):
        (found,) = contexts(problems(submission, domain))
        assert found.endswith(text)


def test_every_id_is_a_uuid_or_a_symbol(make: Any, domain: Domain) -> None:
    bad = "urn:uuid:not-one"
    link = replace(make.member("a", "b"), id=bad)
    for submission in (
        make.submission(id=bad),
        make.submission(folders=[make.folder(id=bad)]),
        replace(make.submission(), associations=(link,)),
    ):
        (problem,) = problems(submission, domain)
        assert (problem.meaning, problem.location) == (Meaning.METADATA_INVALID, bad)


def test_limited_metadata_are_not_taken(make: Any, domain: Domain) -> None:
    assert len(problems(make.submission(limited=True), domain)) == 1


@pytest.mark.parametrize(("of_set", "of_document", "of_folder"), [(0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 1, 1)])
def test_one_submission_is_of_one_patient(
    make: Any, domain: Domain, of_set: int, of_document: int, of_folder: int
) -> None:
    patients = (PatientId("PAT-1", "2.999.1.1"), OTHER)
    submission = make.submission(
        make.entry(patient=patients[of_document]),
        folders=[make.folder(patient=patients[of_folder])],
        patient=patients[of_set],
    )
    (problem,) = problems(submission, domain)
    assert (problem.meaning, problem.location) == (Meaning.PATIENT_MISMATCH, submission.submission_set.id)
    assert "PAT" not in problem.context


def test_a_unique_id_is_used_once(make: Any, domain: Domain) -> None:
    same = make.oid()
    for submission in (
        make.submission(make.entry(unique_id=same), make.entry(unique_id=same)),
        make.submission(make.entry(unique_id=same), unique_id=same),
        make.submission(folders=[make.folder(unique_id=same)], unique_id=same),
    ):
        (problem,) = problems(submission, domain)
        assert (problem.meaning, problem.location) == (Meaning.DUPLICATE_IN_MESSAGE, same)


def limiting(domain: Domain, attribute: str, *allowed: str, limit: Limit = Limit.REFUSE) -> Domain:
    return replace(domain, codes={attribute: CodeList(limit, frozenset(allowed))})


@pytest.mark.parametrize(("attribute", "field"), FIELDS.items())
def test_codes_of_the_domain(make: Any, domain: Domain, attribute: str, field: str) -> None:
    limited = limiting(domain, attribute, "A^^2.999.5")

    def found(code: Code) -> list[str]:
        several = field in {"confidentiality", "events"}
        return contexts(of_entry(make, limited, **{field: (code,) if several else code}))

    assert found(Code("A", "2.999.5", "any name")) == []
    assert found(Code("B", "2.999.5")) == [
        f"{attribute} 'B^^2.999.5' is not in the list of this affinity domain; allowed: A^^2.999.5"
    ]
    assert len(found(Code("A", "2.999.6"))) == 1


def test_codes_of_sets_and_folders(make: Any, domain: Domain) -> None:
    submission = make.submission(folders=[make.folder()])
    for attribute, owner in (
        ("contentTypeCode", submission.submission_set.id),
        ("codeList", submission.folders[0].id),
    ):
        (problem,) = problems(submission, limiting(domain, attribute, "A^^2.999.5"))
        assert (problem.context.split()[0], problem.location) == (attribute, owner)


def test_a_refusal_names_eight_values_and_how_many_more(make: Any, domain: Domain) -> None:
    limited = limiting(domain, "classCode", *(f"{number:02}^^2.999.5" for number in range(11)))
    (text,) = contexts(of_entry(make, limited))
    assert text.endswith("06^^2.999.5, 07^^2.999.5 and 3 more")


@pytest.mark.parametrize(("limit", "told"), [(Limit.WARN, [True]), (Limit.REFUSE, [False]), (Limit.OFF, [])])
def test_a_list_refuses_warns_or_rests(make: Any, domain: Domain, limit: Limit, told: list[bool]) -> None:
    limited = limiting(domain, "typeCode", "A^^2.999.5", limit=limit)
    assert [problem.warning for problem in of_entry(make, limited)] == told


def test_mime_types_of_the_domain(make: Any, domain: Domain) -> None:
    limited = limiting(domain, "mimeType", "text/xml")
    assert of_entry(make, limited) == []
    assert len(contexts(of_entry(make, limited, mime_type="application/x-msdownload"))) == 1


@pytest.mark.parametrize(
    ("tag", "right"), [("fr", True), ("FR-lu", True), ("de-LU", True), ("de", False), ("frr", False)]
)
def test_languages_of_the_domain(make: Any, domain: Domain, tag: str, right: bool) -> None:  # noqa: FBT001
    found = of_entry(make, limiting(domain, "languageCode", "fr", "de-LU"), language=tag)
    assert (not found) == right


def test_only_an_update_sends_versions(make: Any, domain: Domain) -> None:
    entry, folder = make.entry(logical_id=make.uuid()), make.folder(logical_id=make.uuid())
    submission = make.submission(entry, folders=[folder])
    assert [each.location for each in problems(submission, domain)] == [entry.id, folder.id]
    assert check(submission, Column.REPOSITORY, domain, updating=True) == []


def test_an_update_sends_entries_of_both_kinds(make: Any, domain: Domain) -> None:
    dynamic = make.entry(creation_time=None, hash=None, size=None, type=EntryType.ON_DEMAND)
    submission = make.submission(make.entry(), dynamic)
    assert check(submission, Column.REPOSITORY, domain, updating=True) == []
    wrong = replace(submission, documents=(make.entry(hash=None), replace(dynamic, size=1)))
    found = check(wrong, Column.REPOSITORY, domain, updating=True)
    assert [problem.location for problem in found] == [each.id for each in wrong.documents]


def test_values_that_name_persons_are_not_repeated(make: Any, domain: Domain) -> None:
    author = Author(person="^^Secret", institutions=("^Secret",), roles=("Secret^x",), telecoms=("Secret",))
    found = of_entry(
        make,
        domain,
        authors=(author,),
        legal_authenticator="^^Secret",
        source_patient_id="Secret",
        source_patient_info=("Secret", "PID-2|Secret"),
        reference_ids=("Secret",),
        title="Secret" * 99,
        comments="Secret" * 999,
    )
    assert len(found) == 11
    assert not [text for text in contexts(found) if "Secret" in text]


@pytest.mark.parametrize("recipient", ["", "|", "^^|^|", "A|^Doe|^^Internet^a@b|", "|^^Jo", "^x"])
def test_recipients_are_somebody(make: Any, domain: Domain, recipient: str) -> None:
    (problem,) = problems(make.submission(recipients=("Clinic", "|^Doe", recipient)), domain)
    assert problem.context.startswith("intendedRecipient ")


@pytest.mark.parametrize("empty", [(), (Author(roles=("Surgeon",)),)])
def test_an_author_is_somebody(make: Any, domain: Domain, empty: tuple[Author, ...]) -> None:
    found = of_entry(make, domain, authors=empty)
    assert contexts(found) == ["an author needs a person, an institution or a telecommunication"] * len(empty)


def test_an_assigning_authority_is_an_oid(make: Any, domain: Domain) -> None:
    patient = PatientId("P", "x")
    submission = make.submission(make.entry(patient=patient), patient=patient)
    found = contexts(problems(submission, domain))
    assert [text.rpartition(" is not")[0] for text in found] == ["assigning authority of patientId 'x'"] * 2


def test_titles_and_comments_of_packages(make: Any, domain: Domain) -> None:
    right, wrong = {"title": "x" * 256, "comments": "x" * 1024}, {"title": "x" * 257, "comments": "x" * 1025}
    assert problems(make.submission(folders=[make.folder(**right)], **right), domain) == []
    found = problems(make.submission(folders=[make.folder(**wrong)], **wrong), domain)
    assert [text.split()[0] for text in contexts(found)] == ["title", "comments"] * 2


def test_every_problem_is_told_at_once(make: Any, domain: Domain) -> None:
    first, second = make.entry(hash="x", language="?"), make.entry(class_code=None)
    found = problems(make.submission(first, second, source_id="x"), domain)
    assert len(found) == 4
    assert [problem.location for problem in found].count(first.id) == 2
