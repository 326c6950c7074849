"""The stored queries as data (ITI TF-2 3.18.4.1.2.3.7, 3.51.4.1.2.3): one row each, one executor for all.

Adding a query is adding a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from profiles.xds.iti18_registry_stored_query.table import Definition, Join, Step
from profiles.xds.iti18_registry_stored_query.vocabulary import EXCLUDABLE, EXCLUDE

_ENTRY_NAMES = ("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")
_ENTRY_VERSIONS = "$XDSDocumentEntryLogicalID"
_SET_NAMES = ("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId")
_FOLDER_NAMES = ("$XDSFolderEntryUUID", "$XDSFolderUniqueId")
_FOLDER_VERSIONS = "$XDSFolderLogicalID"
_TYPE = ("$XDSDocumentEntryType",)
_LEVEL = ("$MetadataLevel",)
_AVAILABILITY = ("$XDSDocumentEntryDocumentAvailability",)
_LINKS = ("$XDSAssociationStatus",)
_CONTENT_FILTERS = (
    "$XDSDocumentEntryFormatCode",
    "$XDSDocumentEntryConfidentialityCode",
    "$XDSDocumentEntryType",
)
_FIND_FILTERS = (
    "$XDSDocumentEntryClassCode",
    "$XDSDocumentEntryTypeCode",
    "$XDSDocumentEntryPracticeSettingCode",
    "$XDSDocumentEntryCreationTimeFrom",
    "$XDSDocumentEntryCreationTimeTo",
    "$XDSDocumentEntryServiceStartTimeFrom",
    "$XDSDocumentEntryServiceStartTimeTo",
    "$XDSDocumentEntryServiceStopTimeFrom",
    "$XDSDocumentEntryServiceStopTimeTo",
    "$XDSDocumentEntryHealthcareFacilityTypeCode",
    "$XDSDocumentEntryEventCodeList",
    "$XDSDocumentEntryConfidentialityCode",
    "$XDSDocumentEntryAuthorPerson",
    "$XDSDocumentEntryFormatCode",
    "$XDSDocumentEntryType",
)
_SEARCH_FILTERS = (*_FIND_FILTERS, *_AVAILABILITY)
_REFERENCES = "$XDSDocumentEntryReferenceIdList"
_TITLE = "$XDSDocumentEntryTitle"
_EXCLUSIONS = tuple((name, f"{name}{EXCLUDE}") for name in EXCLUDABLE)
_EXCLUDE_FILTERS = (*_SEARCH_FILTERS, _REFERENCES, *(twin for _, twin in _EXCLUSIONS))
_FIND_SET_FILTERS = (
    "$XDSSubmissionSetSourceId",
    "$XDSSubmissionSetSubmissionTimeFrom",
    "$XDSSubmissionSetSubmissionTimeTo",
    "$XDSSubmissionSetAuthorPerson",
    "$XDSSubmissionSetContentType",
)
_FIND_FOLDER_FILTERS = (
    "$XDSFolderLastUpdateTimeFrom",
    "$XDSFolderLastUpdateTimeTo",
    "$XDSFolderCodeList",
)


def _find_documents(identifier: str, name: str, filters: tuple[str, ...], *required: str) -> Definition:
    """A search among the documents of one patient."""
    needed = ("$XDSDocumentEntryPatientId", *required, "$XDSDocumentEntryStatus")
    return Definition(
        id=f"urn:uuid:{identifier}",
        name=name,
        required=needed,
        optional=(*filters, *_LEVEL),
        patients=("$XDSDocumentEntryPatientId",),
        steps=(Step(ENTRY, (*needed, *filters)),),
    )


_ROWS = (
    _find_documents("14d4debf-8f97-4251-9a74-a90016b0af0d", "FindDocuments", _SEARCH_FILTERS),
    _find_documents(
        "12941a89-e02e-4be5-967c-ce4bfc8fe492", "FindDocumentsByReferenceId", _SEARCH_FILTERS, _REFERENCES
    ),
    _find_documents("ab474085-82b5-402d-8115-3f37cb1e2405", "FindDocumentsByTitle", _SEARCH_FILTERS, _TITLE),
    replace(
        _find_documents("4308b1df-36de-4bef-8e2e-ba91f593c435", "FindDocumentsExclude", _EXCLUDE_FILTERS),
        apart=_EXCLUSIONS,
    ),
    Definition(
        id="urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9",
        name="FindSubmissionSets",
        required=("$XDSSubmissionSetPatientId", "$XDSSubmissionSetStatus"),
        optional=_FIND_SET_FILTERS,
        patients=("$XDSSubmissionSetPatientId",),
        steps=(Step(SUBMISSION_SET, ("$XDSSubmissionSetStatus", *_FIND_SET_FILTERS)),),
    ),
    Definition(
        id="urn:uuid:958f3006-baad-4929-a4de-ff1114824431",
        name="FindFolders",
        required=("$XDSFolderPatientId", "$XDSFolderStatus"),
        optional=(*_FIND_FOLDER_FILTERS, *_LEVEL),
        patients=("$XDSFolderPatientId",),
        steps=(Step(FOLDER, ("$XDSFolderStatus", *_FIND_FOLDER_FILTERS)),),
    ),
    Definition(
        id="urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
        name="GetAll",
        required=(
            "$patientId",
            "$XDSDocumentEntryStatus",
            "$XDSSubmissionSetStatus",
            "$XDSFolderStatus",
        ),
        optional=(*_CONTENT_FILTERS, *_LINKS, *_LEVEL),
        patients=("$patientId",),
        steps=(
            Step(SUBMISSION_SET, ("$XDSSubmissionSetStatus",)),
            Step(ENTRY, ("$XDSDocumentEntryStatus", *_CONTENT_FILTERS)),
            Step(FOLDER, ("$XDSFolderStatus",)),
            Step(ASSOCIATION, _LINKS, join=Join.TOUCHING),
        ),
    ),
    Definition(
        id="urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        name="GetDocuments",
        one_of=(*_ENTRY_NAMES, _ENTRY_VERSIONS),
        optional=_LEVEL,
        steps=(Step(ENTRY, (*_ENTRY_NAMES, _ENTRY_VERSIONS)),),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
        name="GetFolders",
        one_of=(*_FOLDER_NAMES, _FOLDER_VERSIONS),
        optional=_LEVEL,
        steps=(Step(FOLDER, (*_FOLDER_NAMES, _FOLDER_VERSIONS)),),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
        name="GetAssociations",
        required=("$uuid",),
        optional=(*_LINKS, *_LEVEL),
        anchors=("$uuid",),
        steps=(Step(ASSOCIATION, _LINKS, join=Join.TOUCHING),),
    ),
    Definition(
        id="urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
        name="GetDocumentsAndAssociations",
        one_of=_ENTRY_NAMES,
        optional=(*_LINKS, *_LEVEL),
        steps=(Step(ENTRY, _ENTRY_NAMES), Step(ASSOCIATION, _LINKS, join=Join.TOUCHING)),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:51224314-5390-4169-9b91-b1980040715a",
        name="GetSubmissionSets",
        required=("$uuid",),
        optional=_LEVEL,
        anchors=("$uuid",),
        steps=(
            Step(ASSOCIATION, join=Join.HOLDINGS, shown=False),
            Step(SUBMISSION_SET, join=Join.SOURCES),
            Step(ASSOCIATION, join=Join.LED),
        ),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
        name="GetSubmissionSetAndContents",
        one_of=_SET_NAMES,
        optional=(*_CONTENT_FILTERS, *_LEVEL),
        steps=(
            Step(SUBMISSION_SET, _SET_NAMES),
            Step(ASSOCIATION, join=Join.MEMBERSHIPS, shown=False),
            Step(ENTRY, _CONTENT_FILTERS, join=Join.MEMBERS),
            Step(FOLDER, join=Join.MEMBERS),
            Step(ASSOCIATION, join=Join.MEMBERS, shown=False),
            Step(ASSOCIATION, join=Join.INNER),
        ),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7",
        name="GetFolderAndContents",
        one_of=_FOLDER_NAMES,
        single=_FOLDER_NAMES,
        optional=(*_CONTENT_FILTERS, *_LINKS, *_LEVEL),
        steps=(
            Step(FOLDER, _FOLDER_NAMES),
            Step(ASSOCIATION, _LINKS, join=Join.MEMBERSHIPS, shown=False),
            Step(ENTRY, _CONTENT_FILTERS, join=Join.MEMBERS),
            Step(ASSOCIATION, join=Join.INNER),
        ),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
        name="GetFoldersForDocument",
        one_of=_ENTRY_NAMES,
        single=_ENTRY_NAMES,
        optional=(*_LINKS, *_LEVEL),
        steps=(
            Step(ENTRY, _ENTRY_NAMES, shown=False),
            Step(ASSOCIATION, _LINKS, join=Join.HOLDINGS, shown=False),
            Step(FOLDER, join=Join.SOURCES),
        ),
    ),
    Definition(
        id="urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
        name="GetRelatedDocuments",
        required=("$AssociationTypes",),
        one_of=_ENTRY_NAMES,
        single=_ENTRY_NAMES,
        optional=(*_TYPE, *_LINKS, *_LEVEL),
        steps=(
            Step(ENTRY, _ENTRY_NAMES, shown=False),
            Step(ASSOCIATION, ("$AssociationTypes", *_LINKS), join=Join.TOUCHING, shown=False),
            Step(ENTRY, _TYPE, join=Join.ENDS, shown=False),
            Step(ASSOCIATION, join=Join.INNER),
            Step(ENTRY, _TYPE, join=Join.ENDS),
        ),
    ),
)

_MANY_PATIENTS = ("$XDSDocumentEntryPatientId",)
_MANY_FOLDER_PATIENTS = ("$XDSFolderPatientId",)


def _find_many(identifier: str, name: str, any_of: tuple[str, ...], *required: str) -> Definition:
    """A search among the documents of several patients, or of all."""
    needed = (*required, "$XDSDocumentEntryStatus")
    return Definition(
        id=f"urn:uuid:{identifier}",
        name=name,
        required=needed,
        any_of=any_of,
        optional=(*_MANY_PATIENTS, *_FIND_FILTERS),
        listed=_MANY_PATIENTS,
        patients=_MANY_PATIENTS,
        steps=(Step(ENTRY, (*needed, *_FIND_FILTERS)),),
    )


_ROWS_OF_MANY = (
    _find_many(
        "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        "FindDocumentsForMultiplePatients",
        (
            *_MANY_PATIENTS,
            "$XDSDocumentEntryClassCode",
            "$XDSDocumentEntryEventCodeList",
            "$XDSDocumentEntryHealthcareFacilityTypeCode",
        ),
    ),
    _find_many(
        "1191642d-86c4-42d8-b784-f95445f9f0d5",
        "FindDocumentsByReferenceIdForMultiplePatients",
        (),
        _REFERENCES,
    ),
    Definition(
        id="urn:uuid:50d3f5ac-39a2-11de-a1ca-b366239e58df",
        name="FindFoldersForMultiplePatients",
        required=("$XDSFolderStatus",),
        any_of=(*_MANY_FOLDER_PATIENTS, "$XDSFolderCodeList"),
        optional=(*_MANY_FOLDER_PATIENTS, *_FIND_FOLDER_FILTERS),
        listed=_MANY_FOLDER_PATIENTS,
        patients=_MANY_FOLDER_PATIENTS,
        steps=(Step(FOLDER, ("$XDSFolderStatus", *_FIND_FOLDER_FILTERS)),),
    ),
)

QUERIES: Mapping[str, Definition] = MappingProxyType({item.id: item for item in _ROWS})
"""The stored queries of ITI-18 by id."""

MULTI_PATIENT_QUERIES: Mapping[str, Definition] = MappingProxyType({item.id: item for item in _ROWS_OF_MANY})
"""The stored queries of ITI-51 by id."""
