"""Runs a stored query: the steps of its row in the table, each a search under the scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row

from gateway.declare.services import Services
from gateway.declare.transaction import Answer
from gateway.errors import Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from gateway.stores.search import ASSOCIATION, Ask, Condition, View
from profiles.xds.iti18_registry_stored_query.parameters import Query
from profiles.xds.iti18_registry_stored_query.table import Join, Step
from profiles.xds.iti18_registry_stored_query.vocabulary import EXCLUDE

_TYPE = "$XDSDocumentEntryType"
_TYPES = frozenset({_TYPE, f"{_TYPE}{EXCLUDE}"})
_STABLE = Condition("type", Ask.IN, ("stable",))
_THROUGH = MappingProxyType(
    {Join.MEMBERS: ("target",), Join.SOURCES: ("source",), Join.ENDS: ("source", "target")}
)
_PLAIN = MappingProxyType({Ask.FROM_IF_STABLE: Ask.FROM, Ask.TO_IF_STABLE: Ask.TO})
_MEMBERSHIP = Condition("relation", Ask.IN, ("HasMember",))
_NAMES = ("patient_key", "uuid", "source", "target", "home")
_WRITTEN = (*_NAMES, "status", "last_update", "fragment")
_VIEWS = MappingProxyType(
    {
        (references, history): View(_NAMES if references else _WRITTEN, current=not history)
        for references in (False, True)
        for history in (False, True)
    }
)
"""What an answer needs of its objects, by (references only, with history)."""


@dataclass(frozen=True, kw_only=True)
class Found(Answer):
    """Rows of registered objects in the order of the steps; `identities` by record key."""

    rows: Sequence[Row[Any]] = ()
    references: bool = False
    identities: Mapping[int, PatientId] = field(default_factory=dict)

    @property
    def bare(self) -> bool:
        """Nothing was found."""
        return not self.rows


@dataclass(slots=True)
class _Progress:
    """What the steps found so far: objects that are no associations by id, associations by uuid."""

    named: frozenset[str]
    view: View
    shown: list[Row[Any]] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    held: dict[str, Row[Any]] = field(default_factory=dict)

    @property
    def reached(self) -> frozenset[str]:
        """Ids from which a search of associations starts."""
        return self.named | self.found

    def keep(self, step: Step, rows: Sequence[Row[Any]]) -> None:
        """Takes the rows of a step; LED and INNER let the other associations go."""
        fresh = {row.uuid: row for row in rows}
        if step.kind is not ASSOCIATION:
            self.found |= set(fresh)
        elif step.join in {Join.LED, Join.INNER}:
            self.held = fresh
        else:
            self.held |= fresh
        if step.shown:
            self.shown += rows


async def execute(query: Query, scope: Scope, services: Services) -> Found:
    """The objects a query selects; Refused when they are too many, or of several patients."""
    definition, most = query.definition, _limit(query, services.domain)
    anchors = (value for name in definition.anchors for value in query.values(name))
    progress = _Progress(named=frozenset(anchors), view=_VIEWS[query.references, query.history])
    for step in definition.steps:
        limit = most if step.shown else services.domain.max_references
        rows = await _search(step, query, scope, services, progress, limit)
        progress.keep(step, rows)
        if len(rows) > limit or len(progress.shown) > most:
            raise Refused(Problem(Meaning.TOO_MANY_RESULTS, f"more than {most} objects match; ask for fewer"))
    _refuse_several_patients(query, scope, progress.shown)
    return Found(rows=progress.shown, references=query.references, identities=scope.identities)


def _limit(query: Query, domain: Domain) -> int:
    return domain.max_references if query.references else domain.max_objects


async def _search(
    step: Step, query: Query, scope: Scope, services: Services, progress: _Progress, limit: int
) -> Sequence[Row[Any]]:
    if step.join is Join.INNER:
        return _inner(progress)
    if step.join is Join.LED:
        return [row for row in progress.held.values() if row.source in progress.found]
    conditions = selected(query, step) + _joined(step.join, progress)
    return await services.registry.find(scope, step.kind, conditions, limit, progress.view)


def selected(query: Query, step: Step) -> list[Condition]:
    """What the parameters ask of the objects of a step; on-demand entries must be asked for."""
    conditions = query.conditions(step.kind, step.filters)
    if _TYPE in step.filters and not any(query.given(name) for name in _TYPES):
        conditions = [*map(_of_stable, conditions), _STABLE]
    return conditions


def _of_stable(condition: Condition) -> Condition:
    """Among stable entries alone a range of creation times needs no exception, which no index could serve."""
    ask = _PLAIN.get(condition.ask)
    return condition if ask is None else replace(condition, ask=ask)


def _joined(join: Join, progress: _Progress) -> list[Condition]:
    """The condition that ties a step to what was found; an empty one finds nothing."""
    if join in _THROUGH:
        ends = _THROUGH[join]
        return [_ids("uuid", (getattr(row, end) for row in progress.held.values() for end in ends))]
    match join:
        case Join.MEMBERSHIPS:
            return [_MEMBERSHIP, _ids("source", progress.reached)]
        case Join.HOLDINGS:
            return [_MEMBERSHIP, _ids("target", progress.reached)]
        case Join.TOUCHING:
            return [_ids("source", progress.reached, Ask.EITHER_END)]
        case _:
            return []


def _ids(column: str, values: Iterable[str], ask: Ask = Ask.IN) -> Condition:
    return Condition(column, ask, tuple(sorted(set(values))))


def _inner(progress: _Progress) -> list[Row[Any]]:
    """Associations both ends of which were found; an association can be an end itself."""
    kept: dict[str, Row[Any]] = {}
    ids = set(progress.found)
    while True:
        fresh = {
            uuid: row
            for uuid, row in progress.held.items()
            if uuid not in kept and row.source in ids and row.target in ids
        }
        if not fresh:
            return list(kept.values())
        kept |= fresh
        ids |= set(fresh)


def _refuse_several_patients(query: Query, scope: Scope, rows: Sequence[Row[Any]]) -> None:
    """Full metadata of several patients never leave in one answer (ITI TF-2 3.18.4.1.3).

    Associations have no patientId: one of them may tie objects of two patients together.
    """
    if query.references or not query.definition.single_patient:
        return
    if len({scope.identities[row.patient_key] for row in rows if not hasattr(row, "target")}) > 1:
        raise Refused(
            Problem(
                Meaning.SEVERAL_PATIENTS,
                "the objects asked for belong to several patients; ask for ObjectRef",
            )
        )
