"""The objects, requests and answers of the naive registry, and the parameters of the stored queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DE, SS, FD, AS = "DocumentEntry", "SubmissionSet", "Folder", "Association"
STATUS = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
APPROVED, DEPRECATED = f"{STATUS}Approved", f"{STATUS}Deprecated"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
AVAILABILITY = "urn:ihe:iti:2010:DocumentAvailability:"
ONLINE, OFFLINE = f"{AVAILABILITY}Online", f"{AVAILABILITY}Offline"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"

UNKNOWN_QUERY = "XDSUnknownStoredQuery"
MISSING = "XDSStoredQueryMissingParam"
NUMBER = "XDSStoredQueryParamNumber"
SEVERAL_PATIENTS = "XDSResultNotSinglePatient"
GENERAL = "XDSRegistryError"


@dataclass(frozen=True)
class Item:
    """A registered object. `values` by the names of the standard; an association has its set's `patient`."""

    kind: str
    uuid: str
    patient: str
    values: Mapping[str, tuple[str, ...]]
    latest: bool = True
    rank: int = 1

    def one(self, name: str) -> str:
        return self.values[name][0]


@dataclass(frozen=True)
class Slot:
    """A parameter as it is sent; `listed`: in parentheses."""

    name: str
    values: tuple[str, ...]
    listed: bool


@dataclass(frozen=True)
class Request:
    transaction: str
    query: str
    return_type: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Answer:
    """The errorCodes any of which is right, or the entryUUIDs of the objects."""

    errors: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()


_PARAMETERS = """
$XDSDocumentEntryPatientId                  DocumentEntry patientId                  text
$XDSDocumentEntryEntryUUID                  DocumentEntry entryUUID                  uuid
$XDSDocumentEntryUniqueId                   DocumentEntry uniqueId                   text
$XDSDocumentEntryLogicalID                  DocumentEntry logicalID                  uuid
$XDSDocumentEntryReferenceIdList            DocumentEntry referenceIdList            like
$XDSDocumentEntryTitle                      DocumentEntry title                      like
$XDSDocumentEntryClassCode                  DocumentEntry classCode                  code
$XDSDocumentEntryTypeCode                   DocumentEntry typeCode                   code
$XDSDocumentEntryPracticeSettingCode        DocumentEntry practiceSettingCode        code
$XDSDocumentEntryCreationTimeFrom           DocumentEntry creationTime               from
$XDSDocumentEntryCreationTimeTo             DocumentEntry creationTime               to
$XDSDocumentEntryServiceStartTimeFrom       DocumentEntry serviceStartTime           from
$XDSDocumentEntryServiceStartTimeTo         DocumentEntry serviceStartTime           to
$XDSDocumentEntryServiceStopTimeFrom        DocumentEntry serviceStopTime            from
$XDSDocumentEntryServiceStopTimeTo          DocumentEntry serviceStopTime            to
$XDSDocumentEntryHealthcareFacilityTypeCode DocumentEntry healthcareFacilityTypeCode code
$XDSDocumentEntryEventCodeList              DocumentEntry eventCodeList              code
$XDSDocumentEntryConfidentialityCode        DocumentEntry confidentialityCode        code
$XDSDocumentEntryAuthorPerson               DocumentEntry authorPerson               like
$XDSDocumentEntryFormatCode                 DocumentEntry formatCode                 code
$XDSDocumentEntryStatus                     DocumentEntry availabilityStatus         status
$XDSDocumentEntryType                       DocumentEntry objectType                 text
$XDSDocumentEntryDocumentAvailability       DocumentEntry documentAvailability       text
$XDSSubmissionSetPatientId                  SubmissionSet patientId                  text
$XDSSubmissionSetEntryUUID                  SubmissionSet entryUUID                  uuid
$XDSSubmissionSetUniqueId                   SubmissionSet uniqueId                   text
$XDSSubmissionSetSourceId                   SubmissionSet sourceId                   text
$XDSSubmissionSetSubmissionTimeFrom         SubmissionSet submissionTime             from
$XDSSubmissionSetSubmissionTimeTo           SubmissionSet submissionTime             to
$XDSSubmissionSetAuthorPerson               SubmissionSet authorPerson               like
$XDSSubmissionSetContentType                SubmissionSet contentTypeCode            code
$XDSSubmissionSetStatus                     SubmissionSet availabilityStatus         status
$XDSFolderPatientId                         Folder        patientId                  text
$XDSFolderEntryUUID                         Folder        entryUUID                  uuid
$XDSFolderUniqueId                          Folder        uniqueId                   text
$XDSFolderLogicalID                         Folder        logicalID                  uuid
$XDSFolderLastUpdateTimeFrom                Folder        lastUpdateTime             from
$XDSFolderLastUpdateTimeTo                  Folder        lastUpdateTime             to
$XDSFolderCodeList                          Folder        codeList                   code
$XDSFolderStatus                            Folder        availabilityStatus         status
$XDSAssociationStatus                       Association   availabilityStatus         status
$AssociationTypes                           Association   associationType            text
$patientId                                  any           patientId                  text
$uuid                                       any           entryUUID                  uuid
$MetadataLevel                              -             -                          level
"""
PARAMETERS = {row[0]: row[1:] for row in (line.split() for line in _PARAMETERS.split("\n") if line)}
SERVICE_TIMES = {"serviceStartTime", "serviceStopTime"}
TWINS = (
    "ClassCode", "TypeCode", "PracticeSettingCode", "HealthcareFacilityTypeCode", "FormatCode",
    "EventCodeList", "ConfidentialityCode", "AuthorPerson", "Type", "ReferenceIdList",
)  # fmt: skip
for _name in TWINS:
    PARAMETERS[f"$XDSDocumentEntry{_name}Exclude"] = PARAMETERS[f"$XDSDocumentEntry{_name}"]
