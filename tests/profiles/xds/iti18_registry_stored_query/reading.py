"""How the naive registry reads the parameters of a query (ITI TF-2 3.18.4.1.2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.profiles.xds.iti18_registry_stored_query.objects import (
    AS,
    DE,
    HAS_MEMBER,
    ON_DEMAND,
    PARAMETERS,
    SERVICE_TIMES,
    STABLE,
    Item,
)


@dataclass(frozen=True)
class Query:
    """One row of the table of queries. `given`: need and number of each parameter."""

    id: str
    name: str
    given: Mapping[str, str]
    select: Callable[[Reading], set[str]]
    transaction: str = "ITI-18"
    single_patient: bool = False

    def needing(self, need: str) -> list[str]:
        return [name for name, how in self.given.items() if how[0] == need]


@dataclass
class Reading:
    """The parameters given, by name a list of value lists, and the objects that are not put aside."""

    given: Mapping[str, list[tuple[str, ...]]]
    items: Mapping[str, Item] = field(default_factory=dict)

    def of(self, kind: str) -> Iterator[Item]:
        return (item for item in self.items.values() if item.kind == kind)

    def passing(self, kind: str, only: Iterable[str] | None = None) -> set[str]:
        """Objects of a kind that pass every parameter about their kind, or the `only` ones."""
        asked = {
            name: slots
            for name, slots in self.given.items()
            if PARAMETERS[name][0] in {kind, "any"} and (only is None or name in only)
        }
        typed = {"$XDSDocumentEntryType", "$XDSDocumentEntryTypeExclude"}
        of_type = kind == DE and (only is None or not typed.isdisjoint(only))
        stable = of_type and typed.isdisjoint(asked)
        return {
            item.uuid
            for item in self.of(kind)
            if not (stable and item.one("objectType") != STABLE)
            and all(holds(item, name, values) for name, slots in asked.items() for values in slots)
        }

    def touching(self, ids: set[str]) -> set[str]:
        links = self.passing(AS, ("$XDSAssociationStatus", "$AssociationTypes"))
        return {link for link in links if {self.source(link), self.target(link)} & ids}

    def members(self, holders: set[str]) -> set[str]:
        """HasMember associations of some sets or folders."""
        links = self.touching(holders)
        return {link for link in links if self.source(link) in holders and self.is_member(link)}

    def holdings(self, held: set[str]) -> set[str]:
        links = self.touching(held)
        return {link for link in links if self.target(link) in held and self.is_member(link)}

    def is_member(self, link: str) -> bool:
        return self.items[link].one("associationType") == HAS_MEMBER

    def source(self, link: str) -> str:
        return self.items[link].one("source")

    def target(self, link: str) -> str:
        return self.items[link].one("target")

    def kinds(self, ids: Iterable[str], kind: str) -> set[str]:
        return {each for each in ids if each in self.items and self.items[each].kind == kind}

    def uuids(self) -> set[str]:
        return {value.lower() for value in self.given["$uuid"][0]}


def holds(item: Item, name: str, asked: tuple[str, ...]) -> bool:
    """Whether an object passes one Slot of a parameter."""
    _, attribute, form = PARAMETERS[name]
    held = item.values.get(attribute, ())
    if form in {"from", "to"}:
        return _in_time(item, attribute, form, held, asked[0])
    if form == "like":
        found = any(_like(pattern, value) for pattern in asked for value in held)
    elif form == "uuid":
        found = any(value.lower() in held for value in asked)
    else:
        found = any(value in held for value in asked)
    return not found if name.endswith("Exclude") else found


def _in_time(item: Item, attribute: str, form: str, held: tuple[str, ...], bound: str) -> bool:
    """From <= value < To, each at the first instant it may mean."""
    if attribute == "creationTime" and item.one("objectType") == ON_DEMAND:
        return True
    if not held:
        return attribute in SERVICE_TIMES
    value, limit = _instant(held[0]), _instant(bound)
    return value >= limit if form == "from" else value < limit


def _instant(dtm: str) -> str:
    return dtm + "00000101000000"[len(dtm) :]


def _like(pattern: str, value: str) -> bool:
    parts = {"%": ".*", "_": "."}
    return (
        re.fullmatch("".join(parts.get(each, re.escape(each)) for each in pattern), value, re.DOTALL)
        is not None
    )
