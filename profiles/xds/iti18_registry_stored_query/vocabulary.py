"""The parameters of the stored queries: how each is written and what it filters (ITI TF-2 3.18.4.1.2.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Kind
from profiles.xds.iti18_registry_stored_query.table import Form, Parameter


def _entry(name: str, column: str, form: Form = Form.CODE) -> tuple[str, Parameter]:
    return f"$XDSDocumentEntry{name}", Parameter(form, ENTRY, column, several=True)


def _times(name: str, kind: Kind, column: str, *, absent: bool = False) -> list[tuple[str, Parameter]]:
    """A range; service times that an entry does not have exclude it from nothing."""
    first, last = (Ask.FROM_OR_ABSENT, Ask.TO_OR_ABSENT) if absent else (Ask.FROM, Ask.TO)
    return [
        (f"{name}From", Parameter(Form.TIME, kind, column, first)),
        (f"{name}To", Parameter(Form.TIME, kind, column, last)),
    ]


def _values(name: str, kind: Kind, values: str, form: Form = Form.CODE) -> tuple[str, Parameter]:
    """A multiple value, of which several parameters can be demanded at once."""
    ask = Ask.VALUE_LIKE if form is Form.TEXT else Ask.VALUE
    return name, Parameter(form, kind, values, ask, several=True, repeats=True)


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    dict(
        [
            ("$patientId", Parameter(Form.TEXT, ENTRY)),
            ("$uuid", Parameter(Form.UUID, ASSOCIATION, several=True)),
            ("$AssociationTypes", Parameter(Form.RELATION, ASSOCIATION, "relation", several=True)),
            ("$XDSDocumentEntryPatientId", Parameter(Form.TEXT, ENTRY)),
            _entry("ClassCode", "class_code"),
            _entry("TypeCode", "type_code"),
            _entry("PracticeSettingCode", "practice_setting"),
            _entry("HealthcareFacilityTypeCode", "facility_type"),
            _entry("FormatCode", "format_code"),
            _entry("Status", "status", Form.STATUS),
            _entry("Type", "type", Form.TYPE),
            _entry("EntryUUID", "uuid", Form.UUID),
            _entry("UniqueId", "unique_id", Form.TEXT),
            *_times("$XDSDocumentEntryCreationTime", ENTRY, "creation_time"),
            *_times("$XDSDocumentEntryServiceStartTime", ENTRY, "service_start", absent=True),
            *_times("$XDSDocumentEntryServiceStopTime", ENTRY, "service_stop", absent=True),
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
            *_times("$XDSFolderLastUpdateTime", FOLDER, "last_update"),
            _values("$XDSFolderCodeList", FOLDER, "code"),
            ("$XDSFolderStatus", Parameter(Form.STATUS, FOLDER, "status", several=True)),
        ]
    )
)
"""Parameters by name; one whose field is empty selects through the scope or an anchor only."""

NAMES_BY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "$uuid": ("any", "uuid"),
        "$XDSDocumentEntryEntryUUID": ("document", "uuid"),
        "$XDSDocumentEntryUniqueId": ("document", "unique-id"),
        "$XDSSubmissionSetEntryUUID": ("submission-set", "uuid"),
        "$XDSSubmissionSetUniqueId": ("submission-set", "unique-id"),
        "$XDSFolderEntryUUID": ("folder", "uuid"),
        "$XDSFolderUniqueId": ("folder", "unique-id"),
    }
)
"""Parameters that name objects: kind and how, so that the owner can be found before the decision."""
