"""A naive registry in memory: the stored queries as the standard words them, for comparison.

ITI TF-2 3.18.4.1.2.3 with Metadata Update, 3.51.4.1.2.3. Nothing is shared with the product: every object
is looked at for every query, and a query is a table of its parameters with a few lines of set arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.profiles.xds.iti18_registry_stored_query.objects import (
    APPROVED,
    AS,
    DE,
    DEPRECATED,
    FD,
    GENERAL,
    MISSING,
    NUMBER,
    OFFLINE,
    ONLINE,
    PARAMETERS,
    SEVERAL_PATIENTS,
    SS,
    UNKNOWN_QUERY,
    Answer,
    Item,
    Request,
    Slot,
)
from tests.profiles.xds.iti18_registry_stored_query.queries import QUERIES
from tests.profiles.xds.iti18_registry_stored_query.reading import Reading


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
