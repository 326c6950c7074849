"""An index in memory: to try a model on records before it decides about patients, and to train one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from random import Random

from gateway.matching.assign import Assignment, assign
from gateway.matching.blocks import Row, rows_of, wanted_of
from gateway.matching.model import MatchModel
from gateway.matching.traits import Traits

_MOST_CANDIDATES = 500
_MOST_OF_ONE_PERSON = 8
_SECRET = b"a trial stores no tokens"


@dataclass(slots=True)
class Index:
    """Identities by the rows they are found by, each of a person; nothing is ever taken out."""

    traits: list[Traits] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    _holders: dict[int, list[tuple[int, Row]]] = field(default_factory=dict)
    _members: dict[int, list[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many identities there are."""
        return len(self.traits)

    def add(self, traits: Traits, person: int) -> None:
        """Hold an identity of this person."""
        place = len(self.traits)
        self.traits.append(traits)
        self.persons.append(person)
        self._members.setdefault(person, []).append(place)
        for row in rows_of(wanted_of(traits, _SECRET)):
            self._holders.setdefault(row.token, []).append((place, row))

    def near(self, traits: Traits) -> tuple[list[int], bool]:
        """Places of the identities that may be the same, most rows first; and whether some were left out."""
        wanted = wanted_of(traits, _SECRET)
        shared = Counter(
            place
            for token in wanted.tokens
            for place, row in self._holders.get(token, ())
            if wanted.covers(row)
        )
        ordered = [place for place, _ in shared.most_common(_MOST_CANDIDATES)]
        return ordered, len(shared) > _MOST_CANDIDATES

    def clusters(self, places: Sequence[int]) -> Mapping[int, Sequence[Traits]]:
        """The persons of these identities with all that is held of them."""
        found = dict.fromkeys(self.persons[place] for place in places)
        return {person: [self.traits[each] for each in self._members[person]] for person in found}

    def assign(self, traits: Traits, model: MatchModel) -> Assignment:
        """Whom the model takes an identity for; it is not added."""
        places, capped = self.near(traits)
        return assign(traits, self.clusters(places), model, len(self), capped=capped)


def known_pairs(
    records: Sequence[Traits], labels: Sequence[Hashable | None] | None = None
) -> Iterator[tuple[Traits, Traits]]:
    """Pairs known to be one person: of one label, or of one valid national number where nobody labelled."""
    groups: dict[Hashable, list[Traits]] = {}
    for traits, label in zip(records, labels or [each.matricule for each in records], strict=True):
        if label is not None:
            groups.setdefault(label, []).append(traits)
    for group in groups.values():
        yield from combinations(group[:_MOST_OF_ONE_PERSON], 2)


def random_pairs(records: Sequence[Traits], count: int, seed: int = 1) -> Iterator[tuple[Traits, Traits]]:
    """Pairs drawn at random, nearly all of two persons."""
    rng = Random(seed)  # noqa: S311 - a sample, not a secret
    for _ in range(count):
        a, b = rng.randrange(len(records)), rng.randrange(len(records))
        if a != b:
            yield records[a], records[b]
