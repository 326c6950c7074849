"""The journal as FHIR: the sentence beside the facts, and of the facts only what the patient may see."""

from __future__ import annotations

from dataclasses import replace

import orjson

from gateway.bindings import fhirtypes
from gateway.journal.answers import FORMS
from gateway.journal.grouping import grouped
from gateway.journal.leaves import paper
from gateway.journal.model import Actor, ActorKind, Document, Entry, Journal
from gateway.journal.resources import bundle
from gateway.journal.sentences import teller
from gateway.paper.html import write_html
from gateway.record.events import Agent, Entity
from tests.accesses import (
    AT,
    MINE,
    OTHERS,
    READ_PATH,
    decided,
    document_entity,
    entry_of,
    human,
    patient_entity,
    record,
)

SECRETS = ("BERT", "10.1.2.3", "c2VjcmV0", "op.meyer", "9.9.9", "host full", "site-7", "4242")


def journal(*entries: Entry) -> Journal:
    own = frozenset({str(MINE)})
    return Journal(patient=MINE, since=AT, until=AT, made=AT, groups=grouped(entries), own=own)


def test_only_what_the_patient_may_see_is_in_it() -> None:
    query = Entity(identifier="q", type_code="2", role="24", query="c2VjcmV0", details=(("x", "4242"),))
    told = record(
        description="host full",
        source_site="site-7",
        entities=(
            patient_entity(),
            patient_entity(OTHERS),
            document_entity("1.2.3"),
            document_entity("9.9.9"),
            query,
        ),
    )
    decision = decided((MINE, READ_PATH, "PERMIT"), (OTHERS, READ_PATH, "PERMIT"))
    mine = replace(entry_of(told, decision), documents=(Document("1.2.3", "Letter"),))
    operator = Agent(user_id="op.meyer", name="op.meyer", requestor=True)
    staff = entry_of(record(agents=(operator,)), key=2)
    stranger = entry_of(record(agents=(human(str(OTHERS), "Bert"),)), key=3, received=True)
    found = bundle(journal(mine, staff, stranger), teller("fr"), {"self": "https://localhost/"})
    text = orjson.dumps(found).decode()
    assert "dr.weber" in text
    assert "Letter" in text
    assert "1.2.3" in text
    for secret in SECRETS:
        assert secret not in text
    fhirtypes.check(orjson.loads(text))


def test_the_sentence_is_the_narrative() -> None:
    entry = replace(
        entry_of(record(), decided((MINE, READ_PATH, "PERMIT"))), documents=(Document("1", "<b>"),)
    )
    (found,) = bundle(journal(entry), teller("lb"), {})["entry"]
    resource = found["resource"]
    assert resource["language"] == "lb"
    assert "&lt;b&gt;" in resource["text"]["div"]
    assert resource["outcomeDesc"] == "Dëse Beruff däerf dat, an Dir hutt et net verbueden."
    assert [each["code"] for each in resource["meta"]["tag"]] == ["group-1", "done"]


def test_the_page_tells_the_same() -> None:
    entry = replace(
        entry_of(record(), decided((MINE, READ_PATH, "PERMIT"))),
        actor=Actor(kind=ActorKind.PROFESSIONAL, identifier="dr.weber", name="<script>"),
    )
    page = write_html(paper(journal(entry), teller("de"))).decode()
    assert "Journal Ihrer Gesundheitsakte" in page
    assert "&lt;script&gt; hat Dokumente geöffnet." in page
    assert "Einträge: 1" in page
    empty = write_html(paper(journal(), teller("de"))).decode()
    assert "nichts aufgeschrieben" in empty
    assert FORMS == ("json", "html", "pdf")
