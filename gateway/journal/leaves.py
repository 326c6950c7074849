"""The journal as a document for people: what was done, by visit, in one language."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from gateway.journal.model import ActorKind, Entry, Group, Journal, Outcome
from gateway.journal.resources import bundle
from gateway.journal.sentences import Teller
from gateway.paper.model import Attachment, Block, Grid, Heading, Paper, Paragraph, Tone

AUTHOR = "Passerelle"
_SHARES = (3, 10, 4, 7)


def paper(journal: Journal, teller: Teller, *, machine: bool = False) -> Paper:
    """The document; `machine` puts the FHIR Bundle into it as a file."""
    words = teller.words
    number = words.text("paper", "patient", patient=journal.patient.extension)
    title = words.text("paper", "title")
    return Paper(
        title=title,
        language=words.language,
        created=journal.made,
        author=AUTHOR,
        subject=number,
        blocks=tuple(_blocks(journal, teller)),
        footer=f"{title}, {number}",
        attachment=_attached(journal, teller) if machine else None,
    )


def _blocks(journal: Journal, teller: Teller) -> Iterator[Block]:
    words, clock, entries = teller.words, teller.clock, journal.entries
    yield Paragraph(words.text("paper", "intro"))
    since = min((each.at for each in entries), default=journal.since)
    if entries:
        since = max(journal.since, since)
        yield Paragraph(
            words.text("paper", "period", since=clock.date(since), until=clock.date(journal.until))
        )
    yield Paragraph("\n".join(_counts(journal, teller)), Tone.STRONG)
    if not entries:
        yield Paragraph(words.text("paper", "none"))
    for group in journal.groups:
        yield from _group(group, teller)
    if journal.more is not None:
        yield Paragraph(words.text("paper", "more"), Tone.STRONG)
    zone = words.text("paper", "zone" if clock.local else "zone_other")
    made = words.text("paper", "made", moment=clock.moment(journal.made))
    yield Paragraph(f"{made}. {zone}", Tone.SMALL)
    yield Paragraph(words.text("paper", "questions"), Tone.SMALL)


def _counts(journal: Journal, teller: Teller) -> Iterator[str]:
    words, entries = teller.words, journal.entries
    yield words.text("paper", "count", count=len(entries))
    emergencies = sum(each.emergency and each.outcome is Outcome.DONE for each in entries)
    refused = sum(each.outcome is Outcome.REFUSED for each in entries)
    if emergencies:
        yield words.text("paper", "emergencies", count=emergencies)
    if refused:
        yield words.text("paper", "refused", count=refused)


def _group(group: Group, teller: Teller) -> Iterator[Block]:
    """Whoever did it as heading, then a line for each entry. What systems did comes without a heading."""
    words, clock = teller.words, teller.clock
    quiet = group.actor.kind is ActorKind.SYSTEM
    day = clock.date(group.entries[0].at)
    who = words.text("paper", "systems") if quiet else teller.who(group.actor)
    yield Heading(f"{day}: {who}", 3 if quiet else 2)
    if group.visit is not None:
        yield Paragraph(words.text("paper", "visit", date=clock.date(group.visit)), Tone.SMALL)
    head = tuple(words.text("paper", each) for each in ("time", "what", "purpose", "why"))
    yield Grid(head, tuple(_row(each, group, teller) for each in group.entries), _SHARES)


def _row(entry: Entry, group: Group, teller: Teller) -> tuple[str, ...]:
    clock = teller.clock
    same = clock.date(entry.at) == clock.date(group.entries[0].at)
    time = clock.time(entry.at) if same else f"{clock.date(entry.at)}\n{clock.time(entry.at)}"
    marks = teller.notes(entry)
    purpose = teller.purpose(entry) or teller.words.text("paper", "no_purpose")
    return time, "\n".join([teller.sentence(entry), *marks]), purpose, teller.reason(entry)


def _attached(journal: Journal, teller: Teller) -> Attachment:
    told = orjson.dumps(bundle(journal, teller, {}), option=orjson.OPT_INDENT_2)
    return Attachment("journal.json", "application/fhir+json", "FHIR AuditEvent", told)
