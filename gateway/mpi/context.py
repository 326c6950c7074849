"""What the parts of the patient index work with: stores, domains, matching, and who may touch what."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.mpi.matcher import Matcher
from gateway.record.access import Scope
from gateway.record.domain import Domain
from gateway.record.people import Node, PatientId, Principal
from gateway.stores.continuations import ContinuationStore
from gateway.stores.identities import IdentityStore
from gateway.stores.identity_history import IdentityHistory
from gateway.stores.reviews import ReviewStore
from gateway.stores.work import UnitOfWork

_COUNT_SECONDS = 60.0


class Asking(Protocol):
    """What the index has to know of a request, as `gateway.declare.transaction.Call` has it."""

    @property
    def principal(self) -> Principal:
        """The person or system."""
        ...

    @property
    def node(self) -> Node | None:
        """The enrolled system."""
        ...

    @property
    def scope(self) -> Scope:
        """What the decision allows."""
        ...

    @property
    def work(self) -> UnitOfWork:
        """Where changes are noted."""
        ...

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def trace_id(self) -> str:
        """In which exchange."""
        ...


IDENTIFIER, SURVIVOR, SUBSUMED, FIRST, SECOND, TARGET, QUERY = (
    "identifier",
    "survivor",
    "subsumed",
    "first",
    "second",
    "target",
    "query",
)
"""What the problems of the index point at; each wire form has its own place for them."""


@dataclass
class _Population:
    """Number of identities; near enough for a logarithm, so it is not counted each time."""

    count: int = 1
    counted: float = -_COUNT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Mpi:
    """`issues`: a person without identifier of the affinity domain gets one. `most` are compared."""

    store: IdentityStore
    history: IdentityHistory
    reviews: ReviewStore
    domain: Domain
    matcher: Matcher
    continuations: ContinuationStore
    issues: bool = False
    most: int = 500
    _population: _Population = field(default_factory=_Population)

    async def population(self) -> int:
        """How many identities there are, within a minute."""
        held, now = self._population, time.monotonic()
        if now - held.counted >= _COUNT_SECONDS:
            held.counted = now
            held.count = max(1, await self.store.population())
        return held.count

    def ordered(self, identifiers: Iterable[PatientId]) -> list[PatientId]:
        """Identifiers with the affinity domain first, those of one domain together."""
        return sorted(
            identifiers,
            key=lambda each: (each.root != self.domain.affinity_root, each.root, each.extension),
        )


def source(call: Asking) -> Node:
    """The node that a feed comes from. PermissionError without a decision that lets it feed."""
    if not call.scope.unrestricted:
        raise PermissionError("this scope does not allow changes of patients")
    if call.node is None:
        raise Defect("a feed comes from a node")
    return call.node


def refused(meaning: Meaning, text: str, place: str) -> Refused:
    """A refusal whose location is one of the places above."""
    return Refused(Problem(meaning, text, place))
