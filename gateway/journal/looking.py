"""Looks up what the ids of entries stand for: professionals, organisations, documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.directory.book import ProviderDirectory
from gateway.journal.model import NAMED, Actor, ActorKind, Document, Entry, Outcome
from gateway.journal.words import Codes
from gateway.record.access import Scope
from gateway.record.directory import Entry as DirectoryEntry
from gateway.record.directory import Unit
from gateway.stores.directory import CALLED
from gateway.stores.registry import RegistryStore
from gateway.stores.search import ASSOCIATION, ENTRY, SUBMISSION_SET, Ask, Condition, Kind, View

_CHUNK, _MOST = 200, 5_000
_DOCUMENT = View(("uuid", "unique_id", "title", "document_class", "version"))
_SET = View(("uuid", "unique_id"))
_HELD = View(("source", "target"))
_UUID = "urn:uuid:"


# --- people and organisations --------------------------------------------------------------------


async def named(entries: Sequence[Entry], directory: ProviderDirectory) -> list[Entry]:
    """The entries with the names that the directory has for whoever is told by name."""
    actors = {each.actor.key: each.actor for each in entries if each.actor.kind in NAMED}
    persons = await _persons(actors.values(), directory)
    organisations = await _organisations(actors.values(), directory)
    found = {
        key: replace(
            actor,
            name=persons.get(actor.identifier, actor.name),
            organisation_name=organisations.get(actor.organisation, ""),
        )
        for key, actor in actors.items()
    }
    return [replace(each, actor=found.get(each.actor.key, each.actor)) for each in entries]


async def _persons(actors: Iterable[Actor], directory: ProviderDirectory) -> dict[str, str]:
    """Display names by the id of the audit; nobody whom two entries may mean."""
    asked = {
        name: each.identifier
        for each in actors
        if each.kind is ActorKind.PROFESSIONAL
        for name in (*each.aliases, each.identifier)
        if name
    }
    keys: dict[str, set[int]] = defaultdict(set)
    for part in _chunks(sorted(asked)):
        for row in await directory.called(part, ""):
            keys[asked[row.value]].add(row.key)
    certain = {person: next(iter(found)) for person, found in keys.items() if len(found) == 1}
    entries = {each.key: each for each in await directory.store.keyed(sorted(set(certain.values())))}
    names = {person: _value(entries[key], "displayname") for person, key in certain.items() if key in entries}
    return {person: name for person, name in names.items() if name}


async def _organisations(actors: Iterable[Actor], directory: ProviderDirectory) -> dict[str, str]:
    """Registered names by OID."""
    found = {}
    for oid in sorted({each.organisation for each in actors if each.organisation}):
        entries = await directory.store.valued(Unit.ORGANISATION, CALLED, oid)
        if len(entries) == 1 and (name := _value(entries[0], "hcregisteredname")):
            found[oid] = name
    return found


def _value(entry: DirectoryEntry, name: str) -> str:
    attribute = entry.attributes.get(name)
    return attribute.values[0] if attribute is not None and attribute.values else ""


# --- documents -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Documents by uniqueId and entryUUID; what each submission set holds, by uniqueId."""

    documents: Mapping[str, Document]
    held: Mapping[str, tuple[str, ...]]


async def with_documents(
    entries: Sequence[Entry], registry: RegistryStore, scope: Scope, codes: Codes
) -> list[Entry]:
    """The entries with the documents they name, as far as the reader may see them.

    What is not to be seen is told by its id; where other patients stand in the event, not at all.
    """
    names = {name for each in entries for name in each.named}
    shelf = await _shelf(names, registry, scope, codes)
    removed = _removals(entries, shelf)
    return [replace(each, documents=tuple(_documents(each, shelf, removed))) for each in entries]


def _documents(entry: Entry, shelf: _Shelf, removed: Mapping[str, datetime]) -> Iterator[Document]:
    seen: set[str] = set()
    for name in entry.named:
        members = shelf.held.get(name, ())
        for each in members or (name,):
            document = shelf.documents.get(each)
            if document is None and (entry.shared or entry.kind == "add"):
                # a submission set is no document; of others' documents nothing is told
                continue
            document = document or Document(each)
            if document.identifier not in seen:
                seen.add(document.identifier)
                at = removed.get(document.identifier)
                yield replace(document, removed=at if at is not None and at > entry.at else None)


def _removals(entries: Iterable[Entry], shelf: _Shelf) -> dict[str, datetime]:
    """When documents were removed, as these entries tell."""
    found = {}
    for each in entries:
        if each.kind == "remove" and each.outcome is Outcome.DONE:
            for name in each.named:
                document = shelf.documents.get(name)
                found[document.identifier if document else name] = each.at
    return found


async def _shelf(names: set[str], registry: RegistryStore, scope: Scope, codes: Codes) -> _Shelf:
    """Whatever was removed is not there any more."""
    others = {each for each in names if not each.startswith(_UUID)}
    sets = await _found(registry, scope, SUBMISSION_SET, "unique_id", others, _SET)
    uuids = {row.uuid: row.unique_id for row in sets}
    links = await _found(registry, scope, ASSOCIATION, "source", set(uuids), _HELD)
    held: dict[str, list[str]] = defaultdict(list)
    for row in links:
        held[uuids[row.source]].append(row.target)
    wanted = {each for each in names if each.startswith(_UUID)} | {row.target for row in links}
    rows = [
        *await _found(registry, scope, ENTRY, "uuid", wanted, _DOCUMENT),
        *await _found(registry, scope, ENTRY, "unique_id", others - set(uuids.values()), _DOCUMENT),
    ]
    documents: dict[str, Document] = {}
    for row in sorted(rows, key=lambda each: each.version or 0):
        document = Document(row.unique_id, row.title or "", codes.classes.get(row.document_class or "", ""))
        documents[row.uuid] = documents[row.unique_id] = document
    kept = {name: tuple(each for each in targets if each in documents) for name, targets in held.items()}
    return _Shelf(documents, kept)


async def _found(
    registry: RegistryStore, scope: Scope, kind: Kind, field: str, values: set[str], view: View
) -> list[Any]:
    found: list[Any] = []
    for part in _chunks(sorted(values)):
        found += await registry.find(scope, kind, (Condition(field, Ask.IN, tuple(part)),), _MOST, view)
    return found


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
