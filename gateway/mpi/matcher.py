"""What the index asks of matching: traits and tokens of a person, with the model and the secret in force."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gateway.matching import (
    MatchModel,
    StopList,
    Traits,
    pack_traits,
    traits_of,
    unpack_traits,
)
from gateway.matching.blocks import Marks, Row, Wanted, rows_of, wanted_of
from gateway.matching.finding import finding_tokens
from gateway.record.demographics import Demographics
from gateway.record.people import PatientId
from gateway.stores.identities import Held


@dataclass(frozen=True)
class Matcher:
    """`secret` keys the hashes by which persons are found; `national_roots` are OIDs of national numbers."""

    model: MatchModel
    secret: bytes
    national_roots: frozenset[str]

    def traits(self, told: Demographics, identity: PatientId) -> Traits:
        """What is compared of a person."""
        return traits_of(told, identity, self.national_roots, self.model.stop)

    def held(self, held: Held) -> Traits:
        """The traits of a stored identity."""
        packed = held.traits
        found = unpack_traits(packed) if packed is not None else None
        return self.traits(held.told, held.identity.id) if found is None else found

    def current(self, held: Held) -> bool:
        """Whether the traits of a stored identity are there, in today's form."""
        packed = held.traits
        return packed is not None and unpack_traits(packed) is not None

    def pack(self, traits: Traits) -> bytes:
        """Traits as they are stored."""
        return pack_traits(traits)

    def wanted(self, traits: Traits) -> Wanted:
        """Whom a person is compared with."""
        return wanted_of(traits, self.secret)

    def rows(self, traits: Traits, told: Demographics, wanted: Wanted | None = None) -> frozenset[Row]:
        """All that a person can be found by; `wanted` is whom it is compared with, if known."""
        found = rows_of(wanted or wanted_of(traits, self.secret))
        known = {each.token for each in found}
        others = finding_tokens(told, self.secret, self.dialling) - known
        return found | {Row(token, Marks()) for token in others}

    @cached_property
    def dialling(self) -> StopList:
        """Country codes of telephone numbers, without placeholders."""
        return StopList(dialling=self.model.stop.dialling)
