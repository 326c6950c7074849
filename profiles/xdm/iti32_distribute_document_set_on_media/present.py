"""What of a medium is registered here already: it is left alone, and links are led to it (ITI TF-3 4.2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.declare.services import Services
from gateway.errors import Meaning, Problem
from gateway.record.access import Scope
from gateway.record.associations import referred, unhonoured
from gateway.record.documents import Association, Relation, Status, Submission

_REFERENCE = "Reference"


async def without_present(
    submission: Submission, scope: Scope, services: Services
) -> tuple[Submission, tuple[Problem, ...]]:
    """The submission without what the record holds, and a warning for each association left out.

    Documents that are here become references of the set. `submission` has entryUUIDs, true hashes and sizes.
    """
    documents = await _documents_here(submission, scope, services)
    folders = await _folders_here(submission, scope, services)
    kept = _led(submission, documents, folders)
    standing = await services.registry.standing(referred(kept))
    approved = {
        name
        for name, found in standing.items()
        if found.status is Status.APPROVED and found.patient in scope.grants
    }
    left_out = unhonoured(kept, approved)
    present = {*documents.values(), *folders.values()}
    warnings = tuple(_warning(item) for item in left_out if item.target not in present)
    links = tuple(item for item in kept.associations if item not in left_out)
    return replace(kept, associations=links), warnings


async def _documents_here(submission: Submission, scope: Scope, services: Services) -> dict[str, str]:
    """Submitted id → registered entryUUID, where the record has that uniqueId with the same octets."""
    wanted = {item.unique_id: item for item in submission.documents}
    if not wanted:
        return {}
    claims = await services.registry.claims(sorted(wanted))
    named = await services.registry.named_documents(sorted(wanted))
    standing = await services.registry.standing([each.uuid for each in named])
    found: dict[str, str] = {}
    # Of several entries an Approved one counts: it can be referred to.
    for each in sorted(named, key=lambda each: standing[each.uuid].status is Status.APPROVED):
        item = wanted.get(each.unique_id)
        if item is None or each.patient_key not in scope.grants:
            continue
        if claims.get(item.unique_id) == (item.hash, item.size):
            found[item.id] = each.uuid
    return found


async def _folders_here(submission: Submission, scope: Scope, services: Services) -> dict[str, str]:
    names = {item.unique_id: item.id for item in submission.folders}
    latest = await services.registry.latest(sorted(names), "unique_id")
    return {
        names[each.unique_id]: each.id
        for each in latest
        if each.kind == "folder" and each.patient in scope.grants
    }


def _led(submission: Submission, documents: Mapping[str, str], folders: Mapping[str, str]) -> Submission:
    """What is here leaves the submission; associations name it by the id that it has here."""
    here = {**documents, **folders}
    moved = (_moved(item, submission.submission_set.id, here, documents) for item in submission.associations)
    links = [item for item in moved if item is not None]
    ids = {item.id for item in links}
    gone = {item.id for item in submission.associations} - ids
    return replace(
        submission,
        documents=tuple(item for item in submission.documents if item.id not in documents),
        folders=tuple(item for item in submission.folders if item.id not in folders),
        associations=tuple(item for item in links if item.target not in gone),
    )


def _moved(
    item: Association, set_id: str, here: Mapping[str, str], documents: Mapping[str, str]
) -> Association | None:
    """The association with ends that are here; None where it would repeat what is registered."""
    if item.source in here and (item.relation is not Relation.HAS_MEMBER or item.target in here):
        return None
    if item.source == set_id and item.target in here:
        if item.target not in documents:
            return None
        return replace(item, target=documents[item.target], member_status=_REFERENCE)
    return replace(item, source=here.get(item.source, item.source), target=here.get(item.target, item.target))


def _warning(item: Association) -> Problem:
    """What cannot be joined here does not keep a document from being imported."""
    context = f"{item.relation.value} is left out: what it joins is not registered here"
    return Problem(Meaning.PARTIAL_RELATIONSHIP, context, item.id, warning=True)
