"""Which identifiers belong together, as one caller may see them (ITI TF-2 3.9, 3.45, 3.83)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, unique

from gateway.errors import Defect
from gateway.matching.statuses import HIDDEN, OWN
from gateway.mpi.context import Asking, Mpi
from gateway.record.demographics import Demographics
from gateway.record.patients import Identity, State
from gateway.record.people import PatientId


@unique
class Found(Enum):
    """What became of a cross-reference query; the cases of ITI TF-2 3.9.4.2.3."""

    KNOWN = "known"
    NOBODY = "nobody"
    NO_DOMAIN = "no-domain"
    NO_TARGET = "no-target"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossReference:
    """`unknown` are the positions (from 0) of target domains that are not known here, or not to be seen."""

    found: Found
    identifiers: tuple[PatientId, ...] = ()
    unknown: tuple[int, ...] = ()
    person: int | None = None


def reader(call: Asking) -> str:
    """The name of the node that asks. PermissionError without a decision that lets it ask."""
    if not call.scope.persons:
        raise PermissionError("this scope does not allow queries of patients")
    if call.node is None:
        raise Defect("a query comes from a node")
    return call.node.name


def shown(call: Asking, identity: Identity, told: Demographics, asked: Collection[PatientId] = ()) -> bool:
    """Whether an identity counts: neither merged nor removed, nor of a status that hides it (table 0445).

    Of the hidden ones, its own source is shown some when it asks by the identifier.
    """
    if identity.merged or identity.state is State.REMOVED:
        return False
    if told.status not in HIDDEN:
        return True
    own = call.node is not None and call.node.may_feed(identity.id.root)
    return own and told.status in OWN and identity.id in asked


async def cross_reference(
    mpi: Mpi, call: Asking, asked: PatientId, targets: Sequence[str | None]
) -> CrossReference:
    """The other identifiers of the person, in the target domains (OIDs; None for one that is not known).

    A domain that the caller may not see is not known to it. Merged, removed and hidden ones are unknown.
    Without targets: all that the caller may see. Links that are only suspected never show.
    """
    name = reader(call)
    domains = mpi.domain.identity_domains
    seen = {root for root, each in domains.items() if each.seen_by(name)}
    if asked.root not in seen:
        return CrossReference(found=Found.NO_DOMAIN)
    held = await mpi.store.held(asked)
    if held is None or not shown(call, held.identity, held.told, (asked,)):
        return CrossReference(found=Found.NOBODY)
    unknown = tuple(at for at, root in enumerate(targets) if root not in seen)
    if unknown:
        return CrossReference(found=Found.NO_TARGET, unknown=unknown)
    wanted = set(targets) or seen
    members = await mpi.store.members([held.identity.person])
    return CrossReference(
        found=Found.KNOWN,
        person=held.identity.person,
        identifiers=tuple(
            mpi.ordered(
                each.identity.id
                for each in members
                if each.identity.id != asked
                and each.identity.id.root in wanted
                and shown(call, each.identity, each.told)
            )
        ),
    )


async def in_use(mpi: Mpi, asked: PatientId) -> bool:
    """Whether an identifier was told of, and neither merged nor removed."""
    held = await mpi.store.held(asked)
    return held is not None and not held.identity.merged and held.identity.state is not State.REMOVED


async def persons_of(mpi: Mpi, identifiers: Sequence[PatientId]) -> list[int]:
    """The persons that some identifiers are of, for the decision; removed ones are of nobody."""
    found = [await mpi.store.held(each) for each in identifiers]
    held = [each.identity for each in found if each is not None]
    return list(dict.fromkeys(each.person for each in held if each.state is not State.REMOVED))


async def identifiers_of(mpi: Mpi, keys: Sequence[int]) -> frozenset[PatientId]:
    """All that the persons of some record keys are or were called, in whatever domain; for the decision."""
    held = await mpi.store.by_keys(keys) if keys else []
    members = await mpi.store.members({each.identity.person for each in held}) if held else []
    return frozenset(each.identity.id for each in members if each.identity.state is not State.REMOVED)
