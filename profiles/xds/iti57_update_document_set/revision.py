"""What ITI-57 and ITI-92 share: the request read and checked, the revision planned and noted."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.declare.bindings import SoapPayload
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Naming, Target
from gateway.errors import Meaning, Problem, Refused, SchemaInvalid
from gateway.record.documents import Association, DocumentEntry, Submission
from gateway.record.domain import Domain
from gateway.record.revision import revise
from gateway.record.submission import Standing
from gateway.stores.registry import RegistryStore
from profiles.xds import codes
from profiles.xds.iti42_register_document_set_b import already_registered, fragments_of
from profiles.xds.iti57_update_document_set.consents import follow
from profiles.xds.rules import Column, check
from profiles.xds.wire.read import Problems, read_submission
from profiles.xds.wire.requests import expect_root
from profiles.xds.wire.stored import stored_association


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """A SubmissionSet with the operations it documents."""

    submission: Submission


@dataclass(frozen=True, kw_only=True)
class Updated(Answer):
    """Success; `problems` can only be warnings."""


def read_update(payload: SoapPayload, domain: Domain) -> Submission:
    """lcm:SubmitObjectsRequest whose objects keep all rules; Refused with every problem."""
    request = expect_root(payload, f"{{{codes.LCM}}}SubmitObjectsRequest")
    objects = request.find(f"{{{codes.RIM}}}RegistryObjectList")
    if objects is None:
        raise SchemaInvalid("SubmitObjectsRequest has no RegistryObjectList", location="SubmitObjectsRequest")
    problems = Problems()
    submission = read_submission(objects, problems)
    if submission is not None:
        problems += check(submission, Column.REPOSITORY, domain, updating=True)
    if submission is None or not all(problem.warning for problem in problems):
        raise Refused(*problems)
    return replace(submission, warnings=tuple(problems))


def target(request: UpdateRequest) -> Target:
    """The patient of the request, and those of everything it changes or links."""
    submission = request.submission
    named = [each.target for each in submission.associations]
    named += [end for each in submission.associations for end in (each.source, each.target)]
    logical = [item.logical_id for item in submission.objects if item.logical_id]
    return Target(
        patients=submission.patients,
        named=(
            Naming("any", "uuid", _lower(named)),
            Naming("document", "logical-id", _lower(logical)),
            Naming("folder", "logical-id", _lower(logical)),
        ),
        changed=(
            Naming("any", "uuid", _lower(named)),
            Naming("document", "logical-id", _lower(logical)),
            Naming("document", "unique-id", tuple(item.unique_id for item in submission.documents)),
        ),
        submission_sets=(submission.submission_set.unique_id,),
        classes=frozenset(item.class_code.code for item in submission.documents if item.class_code),
    )


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower() for name in names if name.lower().startswith("urn:uuid:")))


@dataclass(frozen=True, slots=True)
class _View:
    """The registry as an update looks at it; associations are read from their fragments."""

    registry: RegistryStore

    async def latest(self, logical_ids: Sequence[str]) -> Mapping[str, Standing]:
        return {each.logical_id: each for each in await self.registry.latest(logical_ids)}

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        return await self.registry.standing(ids)

    async def links(self, ids: Sequence[str]) -> Sequence[Association]:
        return [stored_association(row) for row in await self.registry.links(ids)]


async def update(call: Call[UpdateRequest], services: Services, *, deprecated_too: bool = False) -> Updated:
    """Plans the update and notes what it changes; the same update again is answered as the first time."""
    submission = call.request.submission
    if await already_registered(submission, services):
        return Updated(problems=submission.warnings)
    keys = call.scope.keys
    revision = await revise(
        submission, _View(services.registry), keys, _new_id, deprecated_too=deprecated_too
    )
    await _refuse_untrue(revision.submission.documents, services)
    await follow(call, revision, services)
    written = fragments_of(revision.submission)
    patient = keys[submission.patients[0]]
    services.registry.revise(call.work, call.scope, revision, written, patient, call.at)
    before = {held.logical_id: held.patient for held in revision.superseded}
    moved = [
        item.unique_id
        for item in revision.submission.documents
        if before.get(item.logical_id or "", patient) != patient
    ]
    if moved:
        await services.repository.move(call.work, call.scope, moved, patient)
    return Updated(problems=submission.warnings)


def _new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


async def _refuse_untrue(documents: Sequence[DocumentEntry], services: Services) -> None:
    """Hash and size of a document of this repository stay those of its octets, even when these are gone."""
    ours = [item for item in documents if item.repository == services.domain.repository]
    claims = await services.registry.claims([item.unique_id for item in ours]) if ours else {}
    problems = [
        Problem(Meaning.METADATA_INVALID, "hash or size differs from the document that is stored", item.id)
        for item in ours
        if (found := claims.get(item.unique_id)) is not None
        and (item.hash is None or (item.hash.lower(), item.size) != found)
    ]
    if problems:
        raise Refused(*problems)
