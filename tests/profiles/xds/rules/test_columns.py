"""The tables of cardinalities, each cell by its effect on a submission."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning
from gateway.record.documents import EntryType, Submission
from gateway.record.domain import Domain
from profiles.xds.rules import Column, check
from profiles.xds.rules.columns import PROHIBITED, REQUIRED, Kind, Optionality, optionality

# Column by column, as the standard prints them.
REQUIRED_OF_AN_ENTRY = {
    "classCode", "confidentialityCode", "creationTime", "entryUUID", "formatCode",
    "healthcareFacilityTypeCode", "languageCode", "mimeType", "patientId", "practiceSettingCode",
    "sourcePatientId", "typeCode", "uniqueId",
}  # fmt: skip
ALWAYS = {"entryUUID", "mimeType", "uniqueId"}
FIELDS = {"sourceId": "source_id", "submissionTime": "submission_time", "uniqueId": "unique_id"}
CELLS = [
    pytest.param(kind, column, attribute, id=f"{kind.value}-{column.name}-{attribute}")
    for (kind, column), demands in REQUIRED.items()
    for attribute, _ in demands
    if attribute != "entryUUID"
]


def required(kind: Kind, column: Column) -> set[str]:
    return {attribute for attribute, _ in REQUIRED[kind, column]}


def prohibited(kind: Kind, column: Column) -> set[str]:
    return {attribute for attribute, _ in PROHIBITED[kind, column]}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Column.SOURCE, REQUIRED_OF_AN_ENTRY),
        (Column.REPOSITORY, REQUIRED_OF_AN_ENTRY | {"hash", "size", "repositoryUniqueId"}),
        (Column.MEDIA, ALWAYS | {"hash", "size", "URI"}),
        (Column.XDR_SOURCE, REQUIRED_OF_AN_ENTRY),
        (Column.XDR_LIMITED, ALWAYS | {"limitedMetadata"}),
        (Column.ON_DEMAND, REQUIRED_OF_AN_ENTRY - {"creationTime"} | {"repositoryUniqueId"}),
    ],
)
def test_what_is_required_of_an_entry(column: Column, expected: set[str]) -> None:
    assert required(Kind.ENTRY, column) == expected


@pytest.mark.parametrize("column", Column)
def test_what_is_required_of_packages(column: Column) -> None:
    lenient = column in {Column.MEDIA, Column.XDR_LIMITED}
    flag = {"limitedMetadata"} if column is Column.XDR_LIMITED else set()
    of_set = {"entryUUID", "sourceId", "submissionTime", "uniqueId"}
    of_folder = {"entryUUID", "uniqueId"}
    assert required(Kind.SUBMISSION_SET, column) == of_set | flag | (
        set() if lenient else {"contentTypeCode", "patientId"}
    )
    assert required(Kind.FOLDER, column) == of_folder | flag | (
        set() if lenient else {"codeList", "patientId", "title"}
    )


@pytest.mark.parametrize("column", Column)
def test_what_is_prohibited(column: Column) -> None:
    flag = set() if column in {Column.MEDIA, Column.XDR_LIMITED} else {"limitedMetadata"}
    stable = {"creationTime", "hash", "size", "documentAvailability"}
    assert prohibited(Kind.ENTRY, column) == flag | (stable if column is Column.ON_DEMAND else set())
    assert prohibited(Kind.SUBMISSION_SET, column) == prohibited(Kind.FOLDER, column) == flag


def test_what_is_asked_for_if_known_is_not_demanded() -> None:
    assert optionality(Kind.ENTRY, "author", Column.SOURCE) is Optionality.IF_KNOWN
    assert optionality(Kind.SUBMISSION_SET, "intendedRecipient", Column.XDR_SOURCE) is Optionality.IF_KNOWN
    assert optionality(Kind.ENTRY, "eventCodeList", Column.MEDIA) is Optionality.OPTIONAL


def whole(make: Any, column: Column) -> Submission:
    limited = column is Column.XDR_LIMITED
    changes: dict[str, Any] = {"limited": limited, "uri": "DOC.XML"}
    if column is Column.ON_DEMAND:
        changes |= dict.fromkeys(("creation_time", "hash", "size")) | {"type": EntryType.ON_DEMAND}
    return make.submission(make.entry(**changes), folders=[make.folder(limited=limited)], limited=limited)


def without(submission: Submission, kind: Kind, attribute: str) -> Submission:
    """The submission with one attribute left out."""
    field = {
        "author": "authors", "classCode": "class_code", "confidentialityCode": "confidentiality",
        "creationTime": "creation_time", "formatCode": "format_code", "hash": "hash", "size": "size",
        "healthcareFacilityTypeCode": "facility_type", "languageCode": "language", "URI": "uri",
        "limitedMetadata": "limited", "mimeType": "mime_type", "patientId": "patient", "title": "title",
        "practiceSettingCode": "practice_setting", "repositoryUniqueId": "repository",
        "sourcePatientId": "source_patient_id", "typeCode": "type_code", "codeList": "codes",
        "contentTypeCode": "content_type", **FIELDS,
    }[attribute]  # fmt: skip
    empty: Any = {"limited": False, "confidentiality": (), "codes": (), "mime_type": ""}.get(field)
    empty = "" if field in FIELDS.values() else empty
    if kind is Kind.ENTRY:
        return replace(submission, documents=(replace(submission.documents[0], **{field: empty}),))
    if kind is Kind.FOLDER:
        return replace(submission, folders=(replace(submission.folders[0], **{field: empty}),))
    return replace(submission, submission_set=replace(submission.submission_set, **{field: empty}))


@pytest.mark.parametrize(("kind", "column", "attribute"), CELLS)
def test_what_is_required_and_left_out_is_told(
    make: Any, domain: Domain, kind: Kind, column: Column, attribute: str
) -> None:
    submission = without(whole(make, column), kind, attribute)
    (problem,) = check(submission, column, domain)
    assert problem.meaning is Meaning.METADATA_INVALID
    assert problem.context == f"{kind.value}.{attribute} is missing; an {column.value} must send it"
    owners = {
        Kind.ENTRY: submission.documents[0].id,
        Kind.FOLDER: submission.folders[0].id,
        Kind.SUBMISSION_SET: submission.submission_set.id,
    }
    assert problem.location == owners[kind]


@pytest.mark.parametrize("attribute", ["creation_time", "hash", "size", "availability"])
def test_what_is_prohibited_and_sent_is_told(make: Any, domain: Domain, attribute: str) -> None:
    given = {
        "creation_time": "2026",
        "hash": "a" * 40,
        "size": 0,
        "availability": "urn:ihe:iti:2010:DocumentAvailability:Online",
    }
    submission = whole(make, Column.ON_DEMAND)
    entry = replace(submission.documents[0], **{attribute: given[attribute]})
    (problem,) = check(replace(submission, documents=(entry,)), Column.ON_DEMAND, domain)
    assert "is given; an XDS On-Demand Document Source must not send it" in problem.context


@pytest.mark.parametrize("column", [c for c in Column if c not in {Column.MEDIA, Column.XDR_LIMITED}])
def test_limited_metadata_are_for_few(make: Any, domain: Domain, column: Column) -> None:
    given = whole(make, column)
    flagged = replace(
        given,
        submission_set=replace(given.submission_set, limited=True),
        documents=(replace(given.documents[0], limited=True),),
        folders=(replace(given.folders[0], limited=True),),
    )
    found = check(flagged, column, domain)
    assert [problem.context.split(" ")[0] for problem in found] == [
        "SubmissionSet.limitedMetadata",
        "DocumentEntry.limitedMetadata",
        "Folder.limitedMetadata",
    ]
