"""The stored queries as the standard lists them, in a table (ITI TF-2 3.18.4.1.2.3.7, 3.51.4.1.2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.profiles.xds.iti18_registry_stored_query.objects import AS, DE, FD, SS, TWINS
from tests.profiles.xds.iti18_registry_stored_query.reading import Query, Reading

# Each parameter of a query as in its table: required, optional, one of a pair, one of at least one;
# then a single value, many, or many with AND between Slots.
_FILTERS = """
OM $XDSDocumentEntryClassCode
OM $XDSDocumentEntryTypeCode
OM $XDSDocumentEntryPracticeSettingCode
O1 $XDSDocumentEntryCreationTimeFrom
O1 $XDSDocumentEntryCreationTimeTo
O1 $XDSDocumentEntryServiceStartTimeFrom
O1 $XDSDocumentEntryServiceStartTimeTo
O1 $XDSDocumentEntryServiceStopTimeFrom
O1 $XDSDocumentEntryServiceStopTimeTo
OM $XDSDocumentEntryHealthcareFacilityTypeCode
OA $XDSDocumentEntryEventCodeList
OA $XDSDocumentEntryConfidentialityCode
OM $XDSDocumentEntryAuthorPerson
OM $XDSDocumentEntryFormatCode
OM $XDSDocumentEntryType
"""
_FIND = f"""
R1 $XDSDocumentEntryPatientId
RM $XDSDocumentEntryStatus
{_FILTERS}
OM $XDSDocumentEntryDocumentAvailability
O1 $MetadataLevel
"""
_FIND_MANY = re.sub(r"OM (\S+(?:Class|FacilityType)Code)", r"*M \1", _FILTERS).replace(
    "OA $XDSDocumentEntryEvent", "*A $XDSDocumentEntryEvent"
)
_CONTENT = """
OM $XDSDocumentEntryFormatCode
OA $XDSDocumentEntryConfidentialityCode
OM $XDSDocumentEntryType
"""
_NAMED = "P{0} $XDSDocumentEntryEntryUUID\nP{0} $XDSDocumentEntryUniqueId\n"
_LINKS = "OM $XDSAssociationStatus\nO1 $MetadataLevel\n"
_TWINS = "".join(
    f"O{'A' if name in {'EventCodeList', 'ConfidentialityCode', 'ReferenceIdList'} else 'M'} "
    f"$XDSDocumentEntry{name}Exclude\n"
    for name in TWINS
)


_NAMES = tuple(f"$XDSDocumentEntry{name}" for name in ("EntryUUID", "UniqueId", "LogicalID"))
_CONTENT_NAMES = tuple(f"$XDSDocumentEntry{name}" for name in ("FormatCode", "ConfidentialityCode", "Type"))


def _find_documents(reading: Reading) -> set[str]:
    return reading.passing(DE)


def _get_all(reading: Reading) -> set[str]:
    found = reading.passing(DE) | reading.passing(SS) | reading.passing(FD)
    return found | reading.touching(found)


def _get_documents(reading: Reading) -> set[str]:
    return reading.passing(DE, _NAMES)


def _get_documents_and_associations(reading: Reading) -> set[str]:
    found = reading.passing(DE, _NAMES)
    return found | reading.touching(found)


def _get_submission_sets(reading: Reading) -> set[str]:
    links = {link for link in reading.holdings(reading.uuids()) if reading.kinds([reading.source(link)], SS)}
    return links | {reading.source(link) for link in links}


def _get_set_and_contents(reading: Reading) -> set[str]:
    heads = reading.passing(SS)
    links = reading.members(heads)
    members = {reading.target(link) for link in links}
    objects = heads | (members & reading.passing(DE, _CONTENT_NAMES)) | reading.kinds(members, FD)
    # An association is returned only when both its ends are.
    inner = {
        link for link in reading.kinds(members, AS) if {reading.source(link), reading.target(link)} <= objects
    }
    return objects | inner | {link for link in links if reading.target(link) in objects | inner}


def _get_folder_and_contents(reading: Reading) -> set[str]:
    folders = reading.passing(FD)
    links = reading.members(folders)
    documents = {reading.target(link) for link in links} & reading.passing(DE, _CONTENT_NAMES)
    return folders | documents | {link for link in links if reading.target(link) in documents}


def _get_folders_for_document(reading: Reading) -> set[str]:
    links = reading.holdings(reading.passing(DE, _NAMES))
    return reading.kinds([reading.source(link) for link in links], FD)


def _get_related_documents(reading: Reading) -> set[str]:
    named, shown = reading.passing(DE, _NAMES), reading.passing(DE, ("$XDSDocumentEntryType",))
    links = {
        link
        for link in reading.touching(named)
        if {reading.source(link), reading.target(link)} <= named | shown
    }
    return links | {end for link in links for end in (reading.source(link), reading.target(link))} & shown


def _query(
    identifier: str,
    name: str,
    select: Callable[[Reading], set[str]],
    table: str,
    *,
    single: bool = False,
    transaction: str = "ITI-18",
) -> Query:
    given = {line.split()[1]: line.split()[0] for line in table.split("\n") if line}
    return Query(f"urn:uuid:{identifier}", name, given, select, transaction, single)


_ROWS = (
    _query("14d4debf-8f97-4251-9a74-a90016b0af0d", "FindDocuments", _find_documents, _FIND),
    _query(
        "12941a89-e02e-4be5-967c-ce4bfc8fe492",
        "FindDocumentsByReferenceId",
        _find_documents,
        f"{_FIND}RA $XDSDocumentEntryReferenceIdList",
    ),
    _query(
        "ab474085-82b5-402d-8115-3f37cb1e2405",
        "FindDocumentsByTitle",
        _find_documents,
        f"{_FIND}RM $XDSDocumentEntryTitle",
    ),
    _query(
        "4308b1df-36de-4bef-8e2e-ba91f593c435",
        "FindDocumentsExclude",
        _find_documents,
        f"{_FIND}OA $XDSDocumentEntryReferenceIdList\n{_TWINS}",
    ),
    _query(
        "f26abbcb-ac74-4422-8a30-edb644bbc1a9",
        "FindSubmissionSets",
        lambda reading: reading.passing(SS),
        """
R1 $XDSSubmissionSetPatientId
OM $XDSSubmissionSetSourceId
O1 $XDSSubmissionSetSubmissionTimeFrom
O1 $XDSSubmissionSetSubmissionTimeTo
O1 $XDSSubmissionSetAuthorPerson
OM $XDSSubmissionSetContentType
RM $XDSSubmissionSetStatus
""",
    ),
    _query(
        "958f3006-baad-4929-a4de-ff1114824431",
        "FindFolders",
        lambda reading: reading.passing(FD),
        """
R1 $XDSFolderPatientId
O1 $XDSFolderLastUpdateTimeFrom
O1 $XDSFolderLastUpdateTimeTo
OA $XDSFolderCodeList
RM $XDSFolderStatus
O1 $MetadataLevel
""",
    ),
    _query(
        "10b545ea-725c-446d-9b95-8aeb444eddf3",
        "GetAll",
        _get_all,
        f"""
R1 $patientId
RM $XDSDocumentEntryStatus
RM $XDSSubmissionSetStatus
RM $XDSFolderStatus
{_CONTENT}{_LINKS}""",
    ),
    _query(
        "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        "GetDocuments",
        _get_documents,
        f"{_NAMED.format('M')}PM $XDSDocumentEntryLogicalID\nO1 $MetadataLevel",
        single=True,
    ),
    _query(
        "5737b14c-8a1a-4539-b659-e03a34a5e1e4",
        "GetFolders",
        lambda reading: reading.passing(FD),
        "PM $XDSFolderEntryUUID\nPM $XDSFolderUniqueId\nPM $XDSFolderLogicalID\nO1 $MetadataLevel",
        single=True,
    ),
    _query(
        "a7ae438b-4bc2-4642-93e9-be891f7bb155",
        "GetAssociations",
        lambda reading: reading.touching(reading.uuids()),
        f"RM $uuid\n{_LINKS}",
    ),
    _query(
        "bab9529a-4a10-40b3-a01f-f68a615d247a",
        "GetDocumentsAndAssociations",
        _get_documents_and_associations,
        f"{_NAMED.format('M')}{_LINKS}",
        single=True,
    ),
    _query(
        "51224314-5390-4169-9b91-b1980040715a",
        "GetSubmissionSets",
        _get_submission_sets,
        "RM $uuid\nO1 $MetadataLevel",
        single=True,
    ),
    _query(
        "e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
        "GetSubmissionSetAndContents",
        _get_set_and_contents,
        f"P1 $XDSSubmissionSetEntryUUID\nP1 $XDSSubmissionSetUniqueId\n{_CONTENT}O1 $MetadataLevel",
        single=True,
    ),
    _query(
        "b909a503-523d-4517-8acf-8e5834dfc4c7",
        "GetFolderAndContents",
        _get_folder_and_contents,
        f"P1 $XDSFolderEntryUUID\nP1 $XDSFolderUniqueId\n{_CONTENT}{_LINKS}",
        single=True,
    ),
    _query(
        "10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
        "GetFoldersForDocument",
        _get_folders_for_document,
        f"{_NAMED.format('1')}{_LINKS}",
    ),
    _query(
        "d90e5407-b356-4d91-a89f-873917b4b0e6",
        "GetRelatedDocuments",
        _get_related_documents,
        f"{_NAMED.format('1')}RM $AssociationTypes\nOM $XDSDocumentEntryType\n{_LINKS}",
    ),
    _query(
        "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f",
        "FindDocumentsForMultiplePatients",
        _find_documents,
        f"*M $XDSDocumentEntryPatientId\nRM $XDSDocumentEntryStatus\n{_FIND_MANY}",
        transaction="ITI-51",
    ),
    _query(
        "1191642d-86c4-42d8-b784-f95445f9f0d5",
        "FindDocumentsByReferenceIdForMultiplePatients",
        _find_documents,
        f"OM $XDSDocumentEntryPatientId\nRM $XDSDocumentEntryStatus\n{_FILTERS}"
        "RA $XDSDocumentEntryReferenceIdList",
        transaction="ITI-51",
    ),
    _query(
        "50d3f5ac-39a2-11de-a1ca-b366239e58df",
        "FindFoldersForMultiplePatients",
        lambda reading: reading.passing(FD),
        """
*M $XDSFolderPatientId
O1 $XDSFolderLastUpdateTimeFrom
O1 $XDSFolderLastUpdateTimeTo
*A $XDSFolderCodeList
RM $XDSFolderStatus
""",
        transaction="ITI-51",
    ),
)
QUERIES = {query.id: query for query in _ROWS}
