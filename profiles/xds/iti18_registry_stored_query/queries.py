"""The stored queries as data (ITI TF-2 3.18.4.1.2.3.7, 3.18.4.1.2.4): one row each, one executor for all.

A step is a search of one kind of object. Its filters are the query's parameters of that kind; `join`
says how it hangs on what earlier steps found. Adding a query is adding a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType

from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET, Ask, Kind


@unique
class Form(Enum):
    """How the value of a parameter is written (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

    TEXT = "text"
    CODE = "code"
    STATUS = "status"
    TIME = "time"
    TYPE = "type"
    NUMBER = "number"


@unique
class Join(Enum):
    """How a step hangs on the ones before it."""

    NONE = "selected by its own parameters"
    MEMBERSHIPS = "HasMember associations whose source was found"
    MEMBERS = "targets of the associations found"
    TOUCHING = "associations with a found object at either end"
    SOURCES = "sources of the associations found"
    INNER = "associations found whose both ends were found"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: where it filters. `several` takes a list (OR), `repeats` more than one slot (AND)."""

    form: Form
    kind: Kind
    field: str
    ask: Ask = Ask.IN
    several: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One search: the kind of object, its filters by parameter name, its join; `shown` objects are answered."""

    kind: Kind
    filters: tuple[str, ...] = ()
    join: Join = Join.NONE
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One stored query. `required`: all must be given; `one_of`: exactly one must be given."""

    id: str
    name: str
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    steps: tuple[Step, ...] = field(default=())
    single_patient: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """Every parameter the query takes."""
        return self.required + self.one_of + self.optional


def _entry(name: str, column: str, form: Form = Form.CODE) -> tuple[str, Parameter]:
    return f"$XDSDocumentEntry{name}", Parameter(form, ENTRY, column, several=True)


def _times(name: str, column: str, *, absent: bool) -> list[tuple[str, Parameter]]:
    first, last = (Ask.FROM_OR_ABSENT, Ask.TO_OR_ABSENT) if absent else (Ask.FROM, Ask.TO)
    return [
        (f"{name}From", Parameter(Form.TIME, ENTRY, column, first)),
        (f"{name}To", Parameter(Form.TIME, ENTRY, column, last)),
    ]


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    dict(
        [
            ("$XDSDocumentEntryPatientId", Parameter(Form.TEXT, ENTRY, "")),
            _entry("ClassCode", "class_code"),
            _entry("TypeCode", "type_code"),
            _entry("PracticeSettingCode", "practice_setting"),
            _entry("HealthcareFacilityTypeCode", "facility_type"),
            _entry("FormatCode", "format_code"),
            _entry("Status", "status", Form.STATUS),
            _entry("Type", "type", Form.TYPE),
            _entry("EntryUUID", "uuid", Form.TEXT),
            _entry("UniqueId", "unique_id", Form.TEXT),
            *_times("$XDSDocumentEntryCreationTime", "creation_time", absent=False),
            *_times("$XDSDocumentEntryServiceStartTime", "service_start", absent=True),
            *_times("$XDSDocumentEntryServiceStopTime", "service_stop", absent=True),
            (
                "$XDSDocumentEntryEventCodeList",
                Parameter(Form.CODE, ENTRY, "event", Ask.VALUE, several=True, repeats=True),
            ),
            (
                "$XDSDocumentEntryConfidentialityCode",
                Parameter(Form.CODE, ENTRY, "confidentiality", Ask.VALUE, several=True, repeats=True),
            ),
            (
                "$XDSDocumentEntryAuthorPerson",
                Parameter(Form.TEXT, ENTRY, "author", Ask.VALUE_LIKE, several=True),
            ),
            ("$XDSSubmissionSetEntryUUID", Parameter(Form.TEXT, SUBMISSION_SET, "uuid")),
            ("$XDSSubmissionSetUniqueId", Parameter(Form.TEXT, SUBMISSION_SET, "unique_id")),
        ]
    )
)
"""Parameters by name; one whose field is empty selects through the scope only."""

NAMES_BY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "$XDSDocumentEntryEntryUUID": ("document", "uuid"),
        "$XDSDocumentEntryUniqueId": ("document", "unique-id"),
        "$XDSSubmissionSetEntryUUID": ("submission-set", "uuid"),
        "$XDSSubmissionSetUniqueId": ("submission-set", "unique-id"),
    }
)
"""Parameters that name objects: kind and how, so that the owner can be found before the decision."""

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

_FIND_DOCUMENTS = Definition(
    id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
    name="FindDocuments",
    required=("$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"),
    optional=_FIND_FILTERS,
    patients=("$XDSDocumentEntryPatientId",),
    steps=(Step(ENTRY, ("$XDSDocumentEntryStatus", *_FIND_FILTERS)),),
)
_GET_DOCUMENTS = Definition(
    id="urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
    name="GetDocuments",
    one_of=("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
    steps=(Step(ENTRY, ("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")),),
    single_patient=True,
)
_GET_SET_AND_CONTENTS = Definition(
    id="urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
    name="GetSubmissionSetAndContents",
    one_of=("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"),
    optional=_CONTENT_FILTERS,
    steps=(
        Step(SUBMISSION_SET, ("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId")),
        Step(ASSOCIATION, join=Join.MEMBERSHIPS, shown=False),
        Step(ENTRY, _CONTENT_FILTERS, join=Join.MEMBERS),
        Step(FOLDER, join=Join.MEMBERS),
        Step(ASSOCIATION, join=Join.MEMBERS, shown=False),
        Step(ASSOCIATION, join=Join.INNER),
    ),
    single_patient=True,
)

QUERIES: Mapping[str, Definition] = MappingProxyType(
    {item.id: item for item in (_FIND_DOCUMENTS, _GET_DOCUMENTS, _GET_SET_AND_CONTENTS)}
)
"""The stored queries by id."""
