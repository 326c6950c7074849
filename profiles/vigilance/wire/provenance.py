"""An operation on identities as a Provenance: what it did to whom, by whom, and why (FHIR R4 Provenance)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.mpi.remembering import Done, Move
from gateway.record.domain import Domain
from profiles.pdqm.wire.patient import write_identifier
from profiles.vigilance.codes import DECISION, ENDED_IN, OPERATIONS, TRACE
from profiles.vigilance.wire.values import concept, extension, instant


def write_provenance(done: Done, domain: Domain, base: str) -> dict[str, Any]:
    """The targets are the identities with the persons they belong to since; the entities, those before."""
    told = [extension(base, TRACE, valueString=done.trace_id)]
    if done.decision is not None:
        told.append(extension(base, DECISION, valueString=done.decision))
    entities = list(_entities(done, domain))
    return {
        "resourceType": "Provenance",
        "id": f"{done.key:x}",
        "extension": told,
        "target": [_target(each, domain, base) for each in done.moves],
        "recorded": instant(done.at),
        "activity": concept(done.kind, OPERATIONS.get(done.kind, done.kind)),
        "agent": [{"who": {"identifier": {"value": done.actor}, "display": done.actor}}],
        **({"entity": entities} if entities else {}),
    }


def _target(move: Move, domain: Domain, base: str) -> dict[str, Any]:
    ended = (
        [extension(base, ENDED_IN, valueIdentifier=write_identifier(move.into, domain))] if move.into else []
    )
    return {**({"extension": ended} if ended else {}), **_person(move, move.after, domain)}


def _entities(done: Done, domain: Domain) -> Iterator[dict[str, Any]]:
    """Where identities came from; and the operation that was taken back."""
    if done.undoes is not None:
        yield {"role": "removal", "what": {"reference": f"Provenance/{done.undoes:x}"}}
    for each in done.moves:
        if each.before is not None:
            yield {"role": "revision", "what": _person(each, each.before, domain)}


def _person(move: Move, person: int, domain: Domain) -> dict[str, Any]:
    return {"reference": f"Patient/{person:x}", "identifier": write_identifier(move.id, domain)}
