"""A naive registry in memory: the stored queries as the standard words them, for comparison.

ITI TF-2 3.18.4.1.2.3 with Metadata Update, 3.51.4.1.2.3. Nothing is shared with the product: every object
is looked at for every query, and a query is a table of its parameters with a few lines of set arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

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


# --- parameters (3.18.4.1.2.3.7) -----------------------------------------------------------------

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


@dataclass(frozen=True)
class Query:
    """One row of the table of queries. `given`: need and number of each parameter."""

    id: str
    name: str
    given: Mapping[str, str]
    select: Callable[[Reading], set[str]]
    transaction: str = "ITI-18"
    single_patient: bool = False

    def needing(self, need: str) -> list[str]:
        return [name for name, how in self.given.items() if how[0] == need]


# --- one query over what may be seen -------------------------------------------------------------


@dataclass
class Reading:
    """The parameters given, by name a list of value lists, and the objects that are not put aside."""

    given: Mapping[str, list[tuple[str, ...]]]
    items: Mapping[str, Item] = field(default_factory=dict)

    def of(self, kind: str) -> Iterator[Item]:
        return (item for item in self.items.values() if item.kind == kind)

    def passing(self, kind: str, only: Iterable[str] | None = None) -> set[str]:
        """Objects of a kind that pass every parameter about their kind, or the `only` ones."""
        asked = {
            name: slots
            for name, slots in self.given.items()
            if PARAMETERS[name][0] in {kind, "any"} and (only is None or name in only)
        }
        typed = {"$XDSDocumentEntryType", "$XDSDocumentEntryTypeExclude"}
        of_type = kind == DE and (only is None or not typed.isdisjoint(only))
        stable = of_type and typed.isdisjoint(asked)
        return {
            item.uuid
            for item in self.of(kind)
            if not (stable and item.one("objectType") != STABLE)
            and all(holds(item, name, values) for name, slots in asked.items() for values in slots)
        }

    def touching(self, ids: set[str]) -> set[str]:
        links = self.passing(AS, ("$XDSAssociationStatus", "$AssociationTypes"))
        return {link for link in links if {self.source(link), self.target(link)} & ids}

    def members(self, holders: set[str]) -> set[str]:
        """HasMember associations of some sets or folders."""
        links = self.touching(holders)
        return {link for link in links if self.source(link) in holders and self.is_member(link)}

    def holdings(self, held: set[str]) -> set[str]:
        links = self.touching(held)
        return {link for link in links if self.target(link) in held and self.is_member(link)}

    def is_member(self, link: str) -> bool:
        return self.items[link].one("associationType") == HAS_MEMBER

    def source(self, link: str) -> str:
        return self.items[link].one("source")

    def target(self, link: str) -> str:
        return self.items[link].one("target")

    def kinds(self, ids: Iterable[str], kind: str) -> set[str]:
        return {each for each in ids if each in self.items and self.items[each].kind == kind}

    def uuids(self) -> set[str]:
        return {value.lower() for value in self.given["$uuid"][0]}


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


# --- the meaning of one parameter (3.18.4.1.2.3.3 to 3.18.4.1.2.3.5) ------------------------------


def holds(item: Item, name: str, asked: tuple[str, ...]) -> bool:
    """Whether an object passes one Slot of a parameter."""
    _, attribute, form = PARAMETERS[name]
    held = item.values.get(attribute, ())
    if form in {"from", "to"}:
        return _in_time(item, attribute, form, held, asked[0])
    if form == "like":
        found = any(_like(pattern, value) for pattern in asked for value in held)
    elif form == "uuid":
        found = any(value.lower() in held for value in asked)
    else:
        found = any(value in held for value in asked)
    return not found if name.endswith("Exclude") else found


def _in_time(item: Item, attribute: str, form: str, held: tuple[str, ...], bound: str) -> bool:
    """From <= value < To, each at the first instant it may mean."""
    if attribute == "creationTime" and item.one("objectType") == ON_DEMAND:
        return True
    if not held:
        return attribute in SERVICE_TIMES
    value, limit = _instant(held[0]), _instant(bound)
    return value >= limit if form == "from" else value < limit


def _instant(dtm: str) -> str:
    return dtm + "00000101000000"[len(dtm) :]


def _like(pattern: str, value: str) -> bool:
    parts = {"%": ".*", "_": "."}
    return (
        re.fullmatch("".join(parts.get(each, re.escape(each)) for each in pattern), value, re.DOTALL)
        is not None
    )


# --- the queries (3.18.4.1.2.4, 3.51.4.1.2.3.3) --------------------------------------------------


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


# --- what is wrong with a request (3.18.4.1.3) ----------------------------------------------------


def errors(request: Request) -> frozenset[str]:
    """Every errorCode that fits; a registry may stop at any of them."""
    query = QUERIES.get(request.query)
    if query is None or query.transaction != request.transaction:
        return frozenset({UNKNOWN_QUERY})
    found = set() if request.return_type in {"LeafClass", "ObjectRef"} else {GENERAL}
    known = [slot for slot in request.slots if slot.name in query.given]
    for slot in known:
        found |= _form_errors(slot, query.given[slot.name][1])
    counts = [slot.name for slot in known]
    found |= {NUMBER for name in counts if counts.count(name) > 1 and query.given[name][1] != "A"}
    given = {slot.name for slot in known if _meant(slot)}
    found |= {MISSING for name in query.needing("R") if name not in given}
    pair, any_of = query.needing("P"), query.needing("*")
    if pair and len(given & set(pair)) != 1:
        found.add(NUMBER if given & set(pair) else MISSING)
    if any_of and not given & set(any_of):
        found.add(MISSING)
    found |= {NUMBER for name in given if f"{name}Exclude" in given}
    return frozenset(found)


def _form_errors(slot: Slot, number: str) -> set[str]:
    form = PARAMETERS[slot.name][2]
    found = set()
    if number == "1" and len(slot.values) != 1:
        found.add(NUMBER)
    if number != "1" and not slot.listed:
        found.add(GENERAL)
    if form == "code" and not all(re.fullmatch(r"[^^]+\^\^[^^]+", value) for value in slot.values):
        found.add(GENERAL)
    if form in {"from", "to"} and not all(re.fullmatch(r"\d{4}(\d\d){0,5}", value) for value in slot.values):
        found.add(GENERAL)
    if form == "level" and not set(slot.values) <= {"1", "2"}:
        found.add(GENERAL)
    return found


def _meant(slot: Slot) -> tuple[str, ...]:
    """The values that count: unknown status values do not."""
    if PARAMETERS[slot.name][2] != "status":
        return slot.values
    return tuple(value for value in slot.values if value in {APPROVED, DEPRECATED})


# --- the answer ----------------------------------------------------------------------------------


PATIENTS = ("$patientId", "$XDSDocumentEntryPatientId", "$XDSSubmissionSetPatientId", "$XDSFolderPatientId")


def answer(world: Mapping[str, Item], request: Request, rank: int = 3) -> Answer:
    """What the standard says to a request, over what somebody up to this rank of confidentiality may see.

    A query that names patients stays in their records; an association is in the record of its set.
    """
    wrong = errors(request)
    if wrong:
        return Answer(errors=wrong)
    query = QUERIES[request.query]
    given: dict[str, list[tuple[str, ...]]] = {}
    for slot in request.slots:
        if slot.name in query.given and _meant(slot):
            given.setdefault(slot.name, []).append(_meant(slot))
    named = {value for name in PATIENTS for values in given.get(name, ()) for value in values}
    records = named or {item.patient for item in world.values()}
    seen = visible({uuid: item for uuid, item in world.items() if item.patient in records}, world, rank)
    level = given.pop("$MetadataLevel", [("1",)])[0][0]
    items = {uuid: item for uuid, item in seen.items() if level == "2" or current(item)}
    ids = query.select(Reading(given, items))
    patients = {world[uuid].patient for uuid in ids if world[uuid].kind != AS}
    if query.single_patient and request.return_type == "LeafClass" and len(patients) > 1:
        return Answer(errors=frozenset({SEVERAL_PATIENTS}))
    return Answer(ids=frozenset(ids))


def visible(records: Mapping[str, Item], world: Mapping[str, Item], rank: int) -> dict[str, Item]:
    """Documents that may not be seen are not there, nor the associations that would tell their ids."""
    hidden = {
        uuid for uuid, item in world.items() if item.kind == DE and (item.rank > rank or uuid not in records)
    }
    return {
        uuid: item
        for uuid, item in records.items()
        if uuid not in hidden and not (item.kind == AS and {item.one("source"), item.one("target")} & hidden)
    }


def current(item: Item) -> bool:
    """What $MetadataLevel 1 shows."""
    if item.kind == DE:
        return item.latest and item.values.get("documentAvailability", (ONLINE,))[0] != OFFLINE
    if item.kind == FD:
        return item.latest and item.one("availabilityStatus") == APPROVED
    return item.kind == SS or item.one("availabilityStatus") == APPROVED
