"""The patient index as handlers use it: one door for every wire form, so that all of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.mpi import (
    feeding,
    grading,
    linking,
    lookup,
    merging,
    reading,
    remembering,
    reviewing,
    search,
    undoing,
)
from gateway.mpi.context import Asking, Mpi
from gateway.mpi.lookup import CrossReference
from gateway.mpi.query import DemographicsQuery
from gateway.mpi.remembering import Done, TakenBack
from gateway.mpi.reviewing import Outcome, Question, Said
from gateway.record.demographics import Demographics
from gateway.record.patients import PatientFeed, PatientMerge, Person, PersonChange
from gateway.record.people import PatientId
from gateway.stores.reviews import Review, ReviewState


@dataclass(frozen=True)
class PatientIndex:
    """Every method takes the call: what is allowed, who asks, and where to write.

    Refusals point at places of `gateway.mpi.context` (identifier, survivor, …), for which each wire form has
    words of its own. Methods that change something give the persons changed, for the answer to carry on.
    """

    mpi: Mpi

    async def feed(self, call: Asking, told: PatientFeed) -> tuple[PersonChange, ...]:
        """See `feeding.feed`."""
        return await feeding.feed(self.mpi, call, told)

    async def merge(self, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
        """See `merging.merge`."""
        return await merging.merge(self.mpi, call, told)

    async def rename(self, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
        """See `merging.rename`."""
        return await merging.rename(self.mpi, call, told)

    async def merge_or_rename(self, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
        """See `merging.merge_or_rename`."""
        return await merging.merge_or_rename(self.mpi, call, told)

    async def rename_if_known(self, call: Asking, told: PatientMerge) -> tuple[PersonChange, ...]:
        """See `merging.rename_if_known`."""
        return await merging.rename_if_known(self.mpi, call, told)

    async def remove(self, call: Asking, asked: PatientId) -> tuple[PersonChange, ...]:
        """See `merging.remove`."""
        return await merging.remove(self.mpi, call, asked)

    async def link(
        self, call: Asking, first: PatientId, second: PatientId, reason: str
    ) -> tuple[PersonChange, ...]:
        """See `linking.link`."""
        return await linking.link(self.mpi, call, first, second, reason)

    async def unlink(
        self, call: Asking, first: PatientId, second: PatientId, reason: str
    ) -> tuple[PersonChange, ...]:
        """See `linking.unlink`."""
        return await linking.unlink(self.mpi, call, first, second, reason)

    async def undo(self, call: Asking, operation: int) -> tuple[PersonChange, ...]:
        """See `undoing.undo`."""
        return (await undoing.undo(self.mpi, call, operation)).finish()

    async def take_back(self, call: Asking, operation: int, reason: str) -> TakenBack:
        """See `remembering.take_back`."""
        return await remembering.take_back(self.mpi, call, operation, reason)

    async def history(self, call: Asking, asked: int | PatientId) -> tuple[Done, ...]:
        """What happened to the identities of a person; see `remembering.history`."""
        return await remembering.history(self.mpi, call, asked)

    async def operation(self, call: Asking, key: int) -> Done | None:
        """See `remembering.operation`."""
        return await remembering.operation(self.mpi, call, key)

    async def reviews(
        self, call: Asking, states: Sequence[ReviewState], after: int, most: int
    ) -> tuple[Review, ...]:
        """See `reviewing.listed`."""
        return await reviewing.listed(self.mpi, call, states, after, most)

    async def question(self, call: Asking, key: int) -> Question | None:
        """See `reviewing.question`."""
        return await reviewing.question(self.mpi, call, key)

    async def decide(self, call: Asking, key: int, outcome: Outcome, reason: str) -> Said:
        """See `reviewing.decide`."""
        return await reviewing.decide(self.mpi, call, key, outcome, reason)

    async def known(self, asked: PatientId) -> bool:
        """Whether an identifier is in use: told of, not merged, not removed."""
        return await lookup.in_use(self.mpi, asked)

    async def persons_of(self, identifiers: Sequence[PatientId]) -> list[int]:
        """See `lookup.persons_of`."""
        return await lookup.persons_of(self.mpi, identifiers)

    async def identifiers_of(self, keys: Sequence[int]) -> frozenset[PatientId]:
        """See `lookup.identifiers_of`."""
        return await lookup.identifiers_of(self.mpi, keys)

    async def cross_reference(
        self, call: Asking, asked: PatientId, targets: Sequence[str | None]
    ) -> CrossReference:
        """See `lookup.cross_reference`."""
        return await lookup.cross_reference(self.mpi, call, asked, targets)

    async def search(self, call: Asking, query: DemographicsQuery) -> tuple[Person, ...]:
        """See `search.search`."""
        return await search.search(self.mpi, call, query)

    async def match(
        self,
        call: Asking,
        told: Demographics,
        identifiers: tuple[PatientId, ...],
        *,
        only_certain: bool,
        most: int | None,
    ) -> tuple[Person, ...]:
        """See `grading.match`."""
        return await grading.match(self.mpi, call, told, identifiers, only_certain=only_certain, most=most)

    async def person(self, call: Asking, key: int) -> Person | None:
        """See `reading.person`."""
        return await reading.person(self.mpi, call, key)

    async def resolve(self, call: Asking, asked: PatientId) -> Person | None:
        """See `reading.resolve`."""
        return await reading.resolve(self.mpi, call, asked)

    async def persons(
        self, call: Asking, keys: Sequence[int], domains: tuple[str, ...] | None
    ) -> tuple[Person, ...]:
        """See `reading.persons`."""
        return await reading.persons(self.mpi, call, keys, domains)

    async def records(
        self, call: Asking, persons: Sequence[int], domains: tuple[str, ...] | None
    ) -> dict[int, int]:
        """See `reading.records`."""
        return await reading.records(self.mpi, call, persons, domains)

    async def keep(self, call: Asking, tag: str, persons: Sequence[int]) -> str:
        """See `reading.keep`."""
        return await reading.keep(self.mpi, call, tag, persons)

    async def resume(self, call: Asking, pointer: str) -> tuple[str, tuple[int, ...]] | None:
        """See `reading.resume`."""
        return await reading.resume(self.mpi, call, pointer)

    async def resume_tag(self, call: Asking, tag: str) -> tuple[int, ...] | None:
        """See `reading.resume_tag`."""
        return await reading.resume_tag(self.mpi, call, tag)

    def drop(self, call: Asking, tag: str) -> None:
        """See `reading.drop`."""
        reading.drop(self.mpi, call, tag)
