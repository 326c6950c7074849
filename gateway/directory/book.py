"""The one door to the directory: searched, changed, asked who may act (ITI-58, ITI-59, rule P1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.directory.desk import Desk
from gateway.record.directory import (
    Attribute,
    Both,
    Compared,
    Declined,
    Either,
    Entry,
    Filter,
    Negated,
    ResultCode,
    Search,
    SearchScope,
    Unit,
    fold,
)
from gateway.stores.directory import CERTIFIED, MEMBER, DirectoryStore, Trail
from gateway.stores.directory_search import LINKED, query_of, scans

MOST_ENTRIES = 1_000
MOST_LINKS = 20_000
"""Members of groups that one search may tell of."""
FILTER_NODES, FILTER_DEPTH = 50, 10
_SCANS_AT_ONCE = 1
"""A search that looks through more attributes than this is given a thread and a time limit."""
_SECONDS = 2.0
OPERATIONAL = frozenset({"createtimestamp", "modifytimestamp"})
"""Told only where they are asked for by name (RFC 4511 4.5.1.8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search found, each with its attributes as they are told; `more` than may be told."""

    entries: tuple[tuple[str, tuple[Attribute, ...]], ...]
    more: bool = False


@dataclass(frozen=True)
class ProviderDirectory:
    """Reads and changes entries. What is deactivated counts nowhere from its commit on, on every worker."""

    store: DirectoryStore

    async def search(self, search: Search) -> Found:
        """Entries below a base that meet a filter; Declined where that cannot be looked for."""
        check_filter(search.filter)
        await self._check_base(search)
        most = min(search.most or MOST_ENTRIES, MOST_ENTRIES)
        found = await self._found(search, most)
        if found is None:
            raise Declined(ResultCode.TIME_LIMIT_EXCEEDED, "the search took too long; ask for less")
        entries = found[:most]
        linked = await self._linked(entries, search.attributes)
        shown = tuple((entry.place.dn, _told(entry, linked.get(entry.key, ()), search)) for entry in entries)
        return Found(entries=shown, more=len(found) > most)

    async def _found(self, search: Search, most: int) -> list[Entry] | None:
        """One more than `most`, if there are more. What is asked most, by one value, is a prepared read."""
        base, wanted = search.base, search.filter
        whole = base.unit is not None and not base.value and search.scope is not SearchScope.BASE
        if whole and isinstance(wanted, Compared) and wanted.how == "=" and wanted.name not in LINKED:
            return await self.store.below(base, wanted.name, fold(wanted.value), most + 1)
        seconds = _SECONDS if scans(wanted) > _SCANS_AT_ONCE else None
        return await self.store.search(query_of(search), most, seconds)

    async def _check_base(self, search: Search) -> None:
        base = search.base
        there = (
            base.key in await self.store.named([base.key])
            if base.value
            else await self.store.has_suffix(base.suffix)
        )
        if not there:
            raise Declined(ResultCode.NO_SUCH_OBJECT, "the base of the search is not there")

    async def _linked(self, entries: Sequence[Entry], wanted: frozenset[str]) -> dict[int, list[Attribute]]:
        """owner, member and memberOf of some entries, where they are to be told."""
        found: dict[int, dict[str, list[str]]] = {}
        groups = [each.key for each in entries if each.place.unit is Unit.RELATIONSHIP]
        if not wanted or wanted & {"owner", "member"}:
            told = await self.store.links(groups, MOST_LINKS + 1)
            if len(told) > MOST_LINKS:
                text = f"the answer would tell of more than {MOST_LINKS} members; ask for less"
                raise Declined(ResultCode.ADMIN_LIMIT_EXCEEDED, text)
            for group, kind, _, dn in told:
                found.setdefault(group, {}).setdefault(kind, []).append(dn)
        others = [each.key for each in entries if each.place.unit is not Unit.RELATIONSHIP]
        if not wanted or "memberof" in wanted:
            for key, kind, dn in await self.store.groups(others):
                if kind == MEMBER:
                    found.setdefault(key, {}).setdefault("memberOf", []).append(dn)
        return {
            key: [Attribute(name, tuple(dns)) for name, dns in named.items()] for key, named in found.items()
        }

    def desk(self, trail: Trail) -> Desk:
        """Where changes are made."""
        return Desk(self.store, trail)

    async def persons(self, uid: str) -> list[Entry]:
        """Professionals and organisations of this uid."""
        both = (Unit.PROFESSIONAL, Unit.ORGANISATION)
        return [each for unit in both for each in await self.store.valued(unit, "uid", fold(uid))]

    async def holders(self, thumbprint: str) -> list[Entry]:
        """Professionals with a certificate, by SHA-256 of its DER in hex."""
        return await self.store.valued(Unit.PROFESSIONAL, CERTIFIED, thumbprint)

    async def places(self, entry: Entry) -> list[Entry]:
        """The active organisations an entry belongs to: its own, and those above them."""
        return await self.store.places(entry.key)

    async def called(self, names: Sequence[str], organisation: str) -> Sequence[Any]:
        """Professionals an assertion may mean by some names (`DirectoryStore.who`)."""
        return await self.store.who(names, organisation)


def check_filter(whole: Filter) -> None:
    """Declined when a filter is too large or nested too deeply."""
    nodes, level = 0, [whole]
    for _ in range(FILTER_DEPTH):
        nodes += len(level)
        level = [inner for part in level for inner in _inner(part)]
        if nodes + len(level) > FILTER_NODES:
            break
        if not level:
            return
    text = f"the filter has more than {FILTER_NODES} parts or is nested more than {FILTER_DEPTH} deep"
    raise Declined(ResultCode.ADMIN_LIMIT_EXCEEDED, text)


def _inner(part: Filter) -> tuple[Filter, ...]:
    if isinstance(part, Both | Either):
        return part.parts
    return (part.part,) if isinstance(part, Negated) else ()


def _told(entry: Entry, linked: Sequence[Attribute], search: Search) -> tuple[Attribute, ...]:
    times = (
        Attribute("createTimestamp", (f"{entry.created:%Y%m%d%H%M%S}Z",)),
        Attribute("modifyTimestamp", (f"{entry.changed:%Y%m%d%H%M%S}Z",)),
    )
    listed = [*entry.attributes.values(), *linked, *times]
    wanted, every = search.attributes, not search.attributes or "*" in search.attributes
    return tuple(
        Attribute(each.name, () if search.types_only else each.values, each.binary)
        for each in listed
        if each.name.lower() in wanted or (every and each.name.lower() not in OPERATIONAL)
    )
