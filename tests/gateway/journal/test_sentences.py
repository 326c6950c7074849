"""Sentences: who did what, or wanted to; documents counted; nothing of whom no name is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.journal.model import Actor, ActorKind, Document, Outcome
from gateway.journal.sentences import teller
from gateway.journal.words import LANGUAGES, codes
from gateway.record.people import Code
from tests.accesses import AT, MINE, READ_PATH, decided, entry_of, record

READ = entry_of(record(), decided((MINE, READ_PATH, "PERMIT")))
WEBER = replace(READ.actor, name="Dr Anne Weber", organisation_name="Test Hospital")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Dr Anne Weber (doctor, Test Hospital) opened the document “Letter”."),
        ("fr", "Dr Anne Weber (médecine, Test Hospital) a ouvert le document « Letter »."),
        ("de", "Dr Anne Weber (Medizin, Test Hospital) hat das Dokument „Letter“ geöffnet."),
        ("lb", "Dr Anne Weber (Medezin, Test Hospital) huet d'Dokument „Letter“ opgemaach."),
        ("pt", "Dr Anne Weber (medicina, Test Hospital) abriu o documento “Letter”."),
    ],
)
def test_a_read_in_every_language(language: str, expected: str) -> None:
    entry = replace(READ, actor=WEBER, documents=(Document("1.2.3", "Letter"),))
    assert teller(language).sentence(entry) == expected


def test_documents_are_counted() -> None:
    told = teller("en")
    many = tuple(Document(f"1.{number}", f"T{number}") for number in range(7))
    assert told.documents(()) == "documents"
    assert told.documents(many[:2]) == "2 documents (“T0”, “T1”)"
    assert told.documents(many) == "7 documents (“T0”, “T1”, “T2”, “T3”, “T4”, and 2 more)"
    assert told.document(Document("1.2.3")) == "“1.2.3”"
    gone = Document("1.2.3", "T", "letter", AT + timedelta(days=1))
    assert told.document(gone) == "“T” (doctor's letter), removed later"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_in_every_outcome_is_a_sentence(language: str) -> None:
    told = teller(language)
    kinds = {*codes().transactions.values(), *codes().events.values(), "other"}
    actors = [WEBER, *(Actor(kind=each, identifier="BERT^^^&1&ISO") for each in ActorKind)]
    for kind in sorted(kinds):
        for actor in actors:
            for outcome in Outcome:
                entry = replace(READ, kind=kind, actor=actor, outcome=outcome, refusal="general")
                text = told.sentence(entry)
                assert text.endswith("."), text
                assert text[0].isupper() or not text[0].isalpha(), text
                assert "{" not in text
                assert ".." not in text


@pytest.mark.parametrize("kind", [ActorKind.STAFF, ActorKind.STRANGER, ActorKind.UNKNOWN, ActorKind.SELF])
def test_of_some_no_name_and_no_number_is_told(kind: ActorKind) -> None:
    actor = Actor(kind=kind, identifier="BERT", name="Bert", organisation="2.9", organisation_name="Org")
    for language in LANGUAGES:
        text = teller(language).whole(replace(READ, actor=actor))
        assert all(word not in text for word in ("BERT", "Bert", "2.9", "Org"))


def test_codes_without_words_are_told_by_their_name() -> None:
    told = teller("lb")
    purpose = Code("X", "urn:other", "Inspection")
    assert told.purpose(replace(READ, purpose=purpose)) == "Inspection"
    assert told.purpose(replace(READ, purpose=None)) == ""
    assert told.profession(replace(WEBER, profession=Code("7", "urn:x"))) == "7"


def test_what_speaks_for_itself_has_no_reason() -> None:
    told = teller("en")
    assert told.reason(replace(READ, kind="emergency-end")) == ""
    assert (
        told.reason(replace(READ, outcome=Outcome.FAILED, refusal="failed"))
        == "There was a technical problem."
    )
    assert told.reason(replace(READ, rule="")) == ""
