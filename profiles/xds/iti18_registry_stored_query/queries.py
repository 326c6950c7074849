"""The stored queries as data (ITI TF-2 3.18.4.1.2.3.7, 3.18.4.1.2.4): one row each, one executor for all.

Adding a query is adding a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from profiles.xds.iti18_registry_stored_query.table import Definition, Join, Step

_ENTRY_NAMES = ("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")
_SET_NAMES = ("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId")
_FOLDER_NAMES = ("$XDSFolderEntryUUID", "$XDSFolderUniqueId")
_TYPE = ("$XDSDocumentEntryType",)
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

_ROWS = (
    Definition(
        id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
        name="FindDocuments",
        required=("$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"),
        optional=_FIND_FILTERS,
        patients=("$XDSDocumentEntryPatientId",),
        steps=(Step(ENTRY, ("$XDSDocumentEntryStatus", *_FIND_FILTERS)),),
    ),
    Definition(
        id="urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492",
        name="FindDocumentsByReferenceId",
        required=(
            "$XDSDocumentEntryPatientId",
            "$XDSDocumentEntryReferenceIdList",
            "$XDSDocumentEntryStatus",
        ),
        optional=_FIND_FILTERS,
        patients=("$XDSDocumentEntryPatientId",),
        steps=(Step(ENTRY, ("$XDSDocumentEntryReferenceIdList", "$XDSDocumentEntryStatus", *_FIND_FILTERS)),),
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
        optional=_FIND_FOLDER_FILTERS,
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
        optional=_CONTENT_FILTERS,
        patients=("$patientId",),
        steps=(
            Step(SUBMISSION_SET, ("$XDSSubmissionSetStatus",)),
            Step(ENTRY, ("$XDSDocumentEntryStatus", *_CONTENT_FILTERS)),
            Step(FOLDER, ("$XDSFolderStatus",)),
            Step(ASSOCIATION, join=Join.TOUCHING),
        ),
    ),
    Definition(
        id="urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        name="GetDocuments",
        one_of=_ENTRY_NAMES,
        steps=(Step(ENTRY, _ENTRY_NAMES),),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
        name="GetFolders",
        one_of=_FOLDER_NAMES,
        steps=(Step(FOLDER, _FOLDER_NAMES),),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
        name="GetAssociations",
        required=("$uuid",),
        anchors=("$uuid",),
        steps=(Step(ASSOCIATION, join=Join.TOUCHING),),
    ),
    Definition(
        id="urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
        name="GetDocumentsAndAssociations",
        one_of=_ENTRY_NAMES,
        steps=(Step(ENTRY, _ENTRY_NAMES), Step(ASSOCIATION, join=Join.TOUCHING)),
        single_patient=True,
    ),
    Definition(
        id="urn:uuid:51224314-5390-4169-9b91-b1980040715a",
        name="GetSubmissionSets",
        required=("$uuid",),
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
        optional=_CONTENT_FILTERS,
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
        optional=_CONTENT_FILTERS,
        steps=(
            Step(FOLDER, _FOLDER_NAMES),
            Step(ASSOCIATION, join=Join.MEMBERSHIPS, shown=False),
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
        steps=(
            Step(ENTRY, _ENTRY_NAMES, shown=False),
            Step(ASSOCIATION, join=Join.HOLDINGS, shown=False),
            Step(FOLDER, join=Join.SOURCES),
        ),
    ),
    Definition(
        id="urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
        name="GetRelatedDocuments",
        required=("$AssociationTypes",),
        one_of=_ENTRY_NAMES,
        single=_ENTRY_NAMES,
        optional=_TYPE,
        steps=(
            Step(ENTRY, _ENTRY_NAMES, shown=False),
            Step(ASSOCIATION, ("$AssociationTypes",), join=Join.TOUCHING, shown=False),
            Step(ENTRY, _TYPE, join=Join.ENDS, shown=False),
            Step(ASSOCIATION, join=Join.INNER),
            Step(ENTRY, _TYPE, join=Join.ENDS),
        ),
    ),
)

QUERIES: Mapping[str, Definition] = MappingProxyType({item.id: item for item in _ROWS})
"""The stored queries by id."""
