"""The parameters of the stored queries: how each is written and what it filters (ITI TF-2 3.18.4.1.2.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Kind
from profiles.xds.iti18_registry_stored_query.table import Form, Parameter


def _entry(name: str, column: str, form: Form = Form.CODE) -> tuple[str, Parameter]:
    return f"$XDSDocumentEntry{name}", Parameter(form, ENTRY, column, several=True)


def _times(
    name: str, kind: Kind, column: str, first: Ask = Ask.FROM, last: Ask = Ask.TO
) -> list[tuple[str, Parameter]]:
    return [
        (f"{name}From", Parameter(Form.TIME, kind, column, first)),
        (f"{name}To", Parameter(Form.TIME, kind, column, last)),
    ]


def _values(name: str, kind: Kind, values: str, form: Form = Form.CODE) -> tuple[str, Parameter]:
    """A multiple value, of which several parameters can be demanded at once."""
    ask = Ask.VALUE_LIKE if form is Form.TEXT else Ask.VALUE
    return name, Parameter(form, kind, values, ask, several=True, repeats=True)


def _service_times(name: str, column: str) -> list[tuple[str, Parameter]]:
    """Service times that an entry does not have exclude it from nothing."""
    return _times(name, ENTRY, column, Ask.FROM_OR_ABSENT, Ask.TO_OR_ABSENT)


EXCLUDE = "Exclude"
"""The end of the name of a parameter that leaves out what its twin of the shorter name looks for."""
EXCLUDABLE = tuple(
    f"$XDSDocumentEntry{name}"
    for name in (
        "ClassCode",
        "TypeCode",
        "PracticeSettingCode",
        "HealthcareFacilityTypeCode",
        "EventCodeList",
        "ConfidentialityCode",
        "AuthorPerson",
        "FormatCode",
        "Type",
        "ReferenceIdList",
    )
)

_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    dict(
        [
            ("$patientId", Parameter(Form.TEXT, ENTRY)),
            ("$MetadataLevel", Parameter(Form.LEVEL, ENTRY)),
            ("$uuid", Parameter(Form.UUID, ASSOCIATION, several=True)),
            ("$AssociationTypes", Parameter(Form.RELATION, ASSOCIATION, "relation", several=True)),
            (
                "$XDSAssociationStatus",
                Parameter(Form.STATUS, ASSOCIATION, "status", several=True),
            ),
            ("$XDSDocumentEntryPatientId", Parameter(Form.TEXT, ENTRY)),
            ("$XDSDocumentEntryTitle", Parameter(Form.TEXT, ENTRY, "title", Ask.LIKE, several=True)),
            _entry("ClassCode", "class_code"),
            _entry("TypeCode", "type_code"),
            _entry("PracticeSettingCode", "practice_setting"),
            _entry("HealthcareFacilityTypeCode", "facility_type"),
            _entry("FormatCode", "format_code"),
            _entry("Status", "status", Form.STATUS),
            _entry("Type", "type", Form.TYPE),
            _entry("EntryUUID", "uuid", Form.UUID),
            _entry("UniqueId", "unique_id", Form.TEXT),
            _entry("LogicalID", "logical_id", Form.UUID),
            _entry("DocumentAvailability", "offline", Form.AVAILABILITY),
            *_times(
                "$XDSDocumentEntryCreationTime",
                ENTRY,
                "creation_time",
                Ask.FROM_IF_STABLE,
                Ask.TO_IF_STABLE,
            ),
            *_service_times("$XDSDocumentEntryServiceStartTime", "service_start"),
            *_service_times("$XDSDocumentEntryServiceStopTime", "service_stop"),
            _values("$XDSDocumentEntryEventCodeList", ENTRY, "event"),
            _values("$XDSDocumentEntryConfidentialityCode", ENTRY, "confidentiality"),
            _values("$XDSDocumentEntryReferenceIdList", ENTRY, "reference", Form.TEXT),
            (
                "$XDSDocumentEntryAuthorPerson",
                Parameter(Form.TEXT, ENTRY, "author", Ask.VALUE_LIKE, several=True),
            ),
            ("$XDSSubmissionSetPatientId", Parameter(Form.TEXT, SUBMISSION_SET)),
            ("$XDSSubmissionSetEntryUUID", Parameter(Form.UUID, SUBMISSION_SET, "uuid")),
            ("$XDSSubmissionSetUniqueId", Parameter(Form.TEXT, SUBMISSION_SET, "unique_id")),
            ("$XDSSubmissionSetSourceId", Parameter(Form.TEXT, SUBMISSION_SET, "source_id", several=True)),
            *_times("$XDSSubmissionSetSubmissionTime", SUBMISSION_SET, "submission_time"),
            ("$XDSSubmissionSetAuthorPerson", Parameter(Form.TEXT, SUBMISSION_SET, "author", Ask.VALUE_LIKE)),
            (
                "$XDSSubmissionSetContentType",
                Parameter(Form.CODE, SUBMISSION_SET, "content_type", several=True),
            ),
            ("$XDSSubmissionSetStatus", Parameter(Form.STATUS, SUBMISSION_SET, "status", several=True)),
            ("$XDSFolderPatientId", Parameter(Form.TEXT, FOLDER)),
            ("$XDSFolderEntryUUID", Parameter(Form.UUID, FOLDER, "uuid", several=True)),
            ("$XDSFolderUniqueId", Parameter(Form.TEXT, FOLDER, "unique_id", several=True)),
            ("$XDSFolderLogicalID", Parameter(Form.UUID, FOLDER, "logical_id", several=True)),
            *_times("$XDSFolderLastUpdateTime", FOLDER, "last_update"),
            _values("$XDSFolderCodeList", FOLDER, "code"),
            ("$XDSFolderStatus", Parameter(Form.STATUS, FOLDER, "status", several=True)),
        ]
    )
)
PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        **_PARAMETERS,
        **{f"{name}{EXCLUDE}": replace(_PARAMETERS[name], excluded=True) for name in EXCLUDABLE},
    }
)
"""Parameters by name; one whose field is empty selects through the scope or an anchor only."""

NAMES_BY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "$uuid": ("any", "uuid"),
        "$XDSDocumentEntryEntryUUID": ("document", "uuid"),
        "$XDSDocumentEntryUniqueId": ("document", "unique-id"),
        "$XDSDocumentEntryLogicalID": ("document", "logical-id"),
        "$XDSSubmissionSetEntryUUID": ("submission-set", "uuid"),
        "$XDSSubmissionSetUniqueId": ("submission-set", "unique-id"),
        "$XDSFolderEntryUUID": ("folder", "uuid"),
        "$XDSFolderUniqueId": ("folder", "unique-id"),
        "$XDSFolderLogicalID": ("folder", "logical-id"),
    }
)
"""Parameters that name objects: kind and how, so that the owner can be found before the decision."""
