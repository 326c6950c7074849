"""Patients as identity feeds make them known (ITI TF-2 3.8, 3.30, 3.44, 3.104)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, unique

from gateway.record.demographics import Demographics
from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFeed:
    """One person as a source tells of it, under its identifiers in one or several domains.

    `whole`: fields that were not sent are deleted (FHIR, HL7 v3), instead of kept (HL7 v2). A field of which
    one message tells a part only: `untold_uses` are those of telecommunication numbers that the message has
    no word of, `emptied_roots` the domains of which it says that there is no identifier.
    """

    identifiers: tuple[PatientId, ...]
    demographics: Demographics
    message_id: str
    whole: bool = False
    untold_uses: frozenset[str] = frozenset()
    emptied_roots: frozenset[str] = frozenset()

    def beside(self, sent: Demographics, stored: Demographics) -> Demographics:
        """What was sent, with what is stored in the parts of a field that the message has no word of."""
        telecoms, known = sent.telecoms, sent.identifiers
        if telecoms is not None and self.untold_uses:
            telecoms += tuple(each for each in stored.telecoms or () if each.use in self.untold_uses)
        if known or self.emptied_roots:
            spoken = {each.root for each in known or ()} | self.emptied_roots
            known = (*(known or ()), *(each for each in stored.identifiers or () if each.root not in spoken))
        return replace(sent, telecoms=telecoms, identifiers=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientMerge:
    """`subsumed` ends, `survivor` stays; both are of one domain (ITI TF-2 3.8.4.2)."""

    survivor: PatientId
    subsumed: PatientId
    message_id: str


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """A known patient. `keys` are the record keys of the surviving identity, first, and all it subsumed.

    `rights` are what was decided under each of them, as it is stored; `versions` tells which: record key and
    version of each.
    """

    key: int
    head: int
    identity: PatientId
    shown: PatientId
    keys: tuple[int, ...]
    rights: tuple[str, ...] = ()
    versions: tuple[tuple[int, int], ...] = ()
    removed: bool = False
    """Whether the identity was taken out of the index; told where one is looked for by its identifier."""

    @property
    def subsumed(self) -> bool:
        """Whether this identifier was merged into another."""
        return self.key != self.head


@unique
class State(Enum):
    """Of an identity: frozen ones get no automatic link; removed ones are kept, but nobody sees them."""

    ACTIVE = "active"
    FROZEN = "frozen"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What one system calls a person: one row of the index. `head` is itself, unless it was merged."""

    key: int
    head: int
    person: int
    id: PatientId
    state: State = State.ACTIVE
    version: int = 1

    @property
    def merged(self) -> bool:
        """Whether this identifier was merged into another."""
        return self.key != self.head


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Identities believed to be one human being, as a caller may see them: the golden record.

    `identifiers` are those of the domains the caller may see, the affinity domain first, then by domain.
    `score` is 0..100, `grade` that of FHIR `match-grade`, where the answer tells how well the person fits.
    `replaced_by` is set where a merged identifier was asked for.
    """

    key: int
    identifiers: tuple[PatientId, ...]
    demographics: Demographics
    active: bool = True
    score: int = 100
    probability: float | None = None
    grade: str | None = None
    replaced_by: int | None = None

    @property
    def logical_id(self) -> str:
        """The id of the FHIR resource."""
        return f"{self.key:x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChange:
    """A person whose identifiers, or what is told of them, changed; whoever subscribed is told.

    `before` and `after` are the identifiers that belong together; empty where the person began or ended.
    `told` are those whose demographics changed. `merged` are identifiers that ended, each with the one of
    this person that it ended in. `replaced_by` is the person that one who ended has become part of.
    """

    person: int
    before: tuple[PatientId, ...]
    after: tuple[PatientId, ...]
    told: tuple[PatientId, ...] = ()
    merged: tuple[tuple[PatientId, PatientId], ...] = ()
    replaced_by: int | None = None

    def within(self, wanted: Callable[[str], bool]) -> PersonChange:
        """The change as far as it is about identifiers of some domains, by OID."""
        return replace(
            self,
            before=tuple(each for each in self.before if wanted(each.root)),
            after=tuple(each for each in self.after if wanted(each.root)),
            told=tuple(each for each in self.told if wanted(each.root)),
            merged=tuple(each for each in self.merged if wanted(each[0].root)),
        )

    @property
    def moved(self) -> bool:
        """Whether identifiers came, went or ended."""
        return self.before != self.after or bool(self.merged)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.moved or self.told)
