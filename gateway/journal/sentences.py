"""Entries in plain sentences of one language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.journal.clock import Clock, clock_of
from gateway.journal.model import Actor, ActorKind, Document, Entry, Outcome
from gateway.journal.words import Codes, Words, codes, words
from gateway.record.people import Code

_MOST_TITLES, _LONGEST = 5, 120
_ITSELF = frozenset({"alert", "emergency-end"})
"""Kinds whose sentence says what came of it."""


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes sentences in one language."""

    words: Words
    clock: Clock
    codes: Codes

    def sentence(self, entry: Entry) -> str:
        """Who did what, or wanted to."""
        you = entry.actor.kind is ActorKind.SELF
        section, what = f"kind.{entry.kind}", self.documents(entry.documents)
        values = {"who": self.who(entry.actor), "what": what}
        form = "you" if you else "other"
        if entry.outcome is Outcome.DONE or entry.kind in _ITSELF:
            return self.words.text(section, form, **values)
        verb = self.words.text(section, "verb", **values)
        return self.words.text("sentence", f"{entry.outcome.value}_{form}", who=values["who"], verb=verb)

    def reason(self, entry: Entry) -> str:
        """By which rule it was allowed, or why not; empty where nothing is to be said."""
        if entry.kind in _ITSELF:
            return ""
        if entry.outcome is not Outcome.DONE:
            return self.words.text("refusal", entry.refusal or "general")
        return self.words.text("rule", entry.rule) if entry.rule else ""

    def notes(self, entry: Entry) -> list[str]:
        """What is to be marked."""
        found = []
        if entry.emergency:
            found.append(self.words.text("note", "emergency"))
        if entry.hidden:
            found.append(self.words.text("note", "hidden"))
        if entry.reported_by:
            found.append(self.words.text("note", "reported", system=entry.reported_by))
        return found

    def purpose(self, entry: Entry) -> str:
        """What for, in a word or two; empty where nobody said."""
        return self._coded(entry.purpose, "purpose") if entry.purpose is not None else ""

    def whole(self, entry: Entry) -> str:
        """Everything about an entry as one text."""
        purpose = self.purpose(entry)
        parts = [
            f"{self.clock.moment(entry.at)}: {self.sentence(entry)}",
            self.words.text("note", "purpose", purpose=purpose) if purpose else "",
            self.reason(entry),
            *self.notes(entry),
        ]
        return " ".join(each for each in parts if each)

    # --- parts -----------------------------------------------------------------------------------

    def who(self, actor: Actor) -> str:
        """Name, profession and organisation; of whom no name is told, what they are.

        Who has a mandate is known to the patient by the number that stands in it.
        """
        if actor.kind is ActorKind.SYSTEM:
            name = self.words.text("who", "system", name=actor.identifier)
        elif actor.kind is ActorKind.PROFESSIONAL:
            name = actor.name or actor.identifier
        elif actor.kind is ActorKind.REPRESENTATIVE:
            return f"{self.words.text('who', actor.kind.value)} ({actor.identifier.partition('^')[0]})"
        else:
            return self.words.text("who", actor.kind.value)
        about = [self.profession(actor), actor.organisation_name or actor.organisation]
        told = ", ".join(each for each in about if each)
        return f"{name} ({told})" if told else name

    def profession(self, actor: Actor) -> str:
        """Of a person; empty where it is not known."""
        if actor.kind is not ActorKind.PROFESSIONAL or actor.profession is None:
            return ""
        return self._coded(actor.profession, "profession")

    def documents(self, documents: Sequence[Document]) -> str:
        """The documents as the object of a sentence."""
        if not documents:
            return self.words.text("documents", "none")
        if len(documents) == 1:
            return self.words.text("documents", "one", title=self.document(documents[0]))
        titles = [self.document(each) for each in documents[:_MOST_TITLES]]
        if len(documents) > _MOST_TITLES:
            titles.append(self.words.text("documents", "more", count=len(documents) - _MOST_TITLES))
        return self.words.text("documents", "many", count=len(documents), titles=", ".join(titles))

    def document(self, document: Document) -> str:
        """Title and class; the id where neither is known."""
        kind = self.words.known("class", document.kind) or ""
        quoted = self.words.text("form", "quoted", text=(document.title or document.identifier)[:_LONGEST])
        told = f"{quoted} ({kind})" if kind and kind != document.title else quoted
        return self.words.text("documents", "removed", title=told) if document.removed else told

    def _coded(self, code: Code, section: str) -> str:
        table = self.codes.professions if section == "profession" else self.codes.purposes
        return self.words.known(section, table.get(code.code, "")) or code.display or code.code


def teller(language: str) -> Teller:
    """Who tells in a language."""
    told = words(language)
    return Teller(told, clock_of(told), codes())
