"""The journal as a FHIR Bundle of AuditEvent, each with its sentence as narrative (FHIR R4, BALP)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from gateway.journal.model import Entry, Journal
from gateway.journal.narrowing import narrowed
from gateway.journal.sentences import Teller
from gateway.trail.fhir import audit_event

Json = dict[str, Any]
ASSIGNED = "urn:passerelle:journal"
"""The system of the tags by which groups and marks are told."""


def bundle(journal: Journal, teller: Teller, links: Mapping[str, str]) -> Json:
    """A searchset, the newest first; `links` are relations with their URLs."""
    names = {entry.name: number for number, group in enumerate(journal.groups, 1) for entry in group.entries}
    entries = journal.entries
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "timestamp": _instant(journal.made),
        "total": len(entries),
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        **(
            {"entry": [_listed(each, journal, teller, names[each.name]) for each in entries]}
            if entries
            else {}
        ),
    }


def _listed(entry: Entry, journal: Journal, teller: Teller, group: int) -> Json:
    return {"resource": _resource(entry, journal, teller, group), "search": {"mode": "match"}}


def _resource(entry: Entry, journal: Journal, teller: Teller, group: int) -> Json:
    found = audit_event(narrowed(entry, journal.own, str(journal.patient)), entry.name)
    marks = [f"group-{group}", entry.outcome.value, *(["emergency"] if entry.emergency else [])]
    text = {"status": "generated", "div": _narrative(teller.whole(entry), teller.words.language)}
    head = {
        "resourceType": found.pop("resourceType"),
        "id": found.pop("id"),
        "meta": {"tag": [{"system": ASSIGNED, "code": each} for each in marks]},
        "language": teller.words.language,
        "text": text,
    }
    reason = teller.reason(entry)
    return {**head, **found, **({"outcomeDesc": reason} if reason else {})}


def _narrative(text: str, language: str) -> str:
    told = f'<p lang="{language}" xml:lang="{language}">{escape(_legal(text))}</p>'
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'


def _legal(text: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
