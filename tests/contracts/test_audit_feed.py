"""Audit events of other systems by FHIR (ITI-20): what is taken, what is refused, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.bindings import fhirtypes, fhirxml
from gateway.declare.bindings import Sealed
from gateway.record.events import AuditRecord
from gateway.stores.events import USE, Question
from gateway.trail.book import Kept
from gateway.trail.dicom import read_message
from tests.feeding import audit_event, batch, entry

XML = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
SINCE = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)
UNTIL = int(datetime(2030, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Feed:
    """A house, and the test's way to feed it."""

    def __init__(self, house: Any, words: Any) -> None:
        self.house, self.words = house, words

    def post(self, resource: object, path: str = "/AuditEvent", **headers: str) -> Sealed:
        written = isinstance(resource, bytes)
        raw = self.words.feed_raw(self.house, path, None if written else resource, **headers)
        if headers.get("content-type", "").endswith("xml"):
            raw = replace(raw, body=resource if written else fhirxml.write(resource))
        return asyncio.run(self.house.call("fhir", raw))

    def stored(self) -> list[Kept]:
        """What others told, the newest first."""
        book = self.house.gateway.engine.services.access.trail
        question = Question(since=SINCE, until=UNTIL, trails=frozenset({USE}))
        found: list[Kept] = asyncio.run(book.search(question))
        return found

    def audit(self) -> list[AuditRecord]:
        rows = self.house._query("SELECT message FROM audit ORDER BY id")
        return [read_message(str(message).encode()) for (message,) in rows]


@pytest.fixture
def feed(house: Any, words: Any) -> Feed:
    return Feed(house, words)


def told(answer: Sealed) -> Any:
    body = b"".join(each if isinstance(each, bytes) else b"".join(each.chunks()) for each in answer.pieces)
    if answer.headers["content-type"].endswith("xml"):
        return fhirxml.read(body, size=2**20, depth=32) if body else None
    return orjson.loads(body) if body else None


def statuses(answer: Sealed) -> list[str]:
    bundle = told(answer)
    fhirtypes.check(bundle)
    assert (answer.status, bundle["type"]) == (200, "batch-response")
    return [each["response"]["status"][:3] for each in bundle["entry"]]


def test_one_is_created_and_stands_where_the_answer_says(feed: Feed) -> None:
    answer = feed.post(audit_event())
    (kept,) = feed.stored()
    assert answer.status == 201
    assert answer.headers["location"].endswith(f"/fhir/AuditEvent/{kept.name}")
    assert kept.received is not None
    assert (orjson.loads(kept.received.raw), kept.received.sender) == (audit_event(), "tester")
    assert kept.record.patients == ("FED-1^^^&2.999.3.1&ISO",)


def test_it_is_stored_as_it_came_in_json(feed: Feed) -> None:
    raw = orjson.dumps(audit_event(), option=orjson.OPT_INDENT_2) + b"\n"
    request = replace(feed.words.feed_raw(feed.house, "/AuditEvent"), body=raw)
    assert asyncio.run(feed.house.call("fhir", request)).status == 201
    (kept,) = feed.stored()
    assert kept.received is not None
    assert kept.received.raw == raw


def test_xml_is_taken_and_answered(feed: Feed) -> None:
    assert feed.post(audit_event(1), **XML).status == 201
    assert statuses(feed.post(batch(audit_event(2), audit_event(3)), "/", **XML)) == ["201", "201"]
    assert [orjson.loads(each.received.raw) for each in feed.stored() if each.received] == [
        audit_event(number) for number in (3, 2, 1)
    ]


def test_what_comes_again_is_kept_once(feed: Feed) -> None:
    assert [feed.post(audit_event()).status for _ in range(2)] == [201, 200]
    again = feed.post(batch(audit_event(1), audit_event(2), audit_event(2)), "/")
    assert statuses(again) == ["200", "201", "200"]
    assert len(feed.stored()) == 2


def broken_entries() -> Sequence[tuple[Any, str]]:
    return (
        (audit_event(5, type=None), "400"),
        (audit_event(5, unknown="x"), "400"),
        (audit_event(5, recorded="2026"), "400"),
        ({"resourceType": "Patient"}, "400"),
        (audit_event(5, outcome="7"), "422"),
    )


@pytest.mark.parametrize(("bad", "status"), broken_entries())
def test_one_bad_of_ten_leaves_nine(feed: Feed, bad: Any, status: str) -> None:
    events = [audit_event(number) for number in range(10)]
    answer = feed.post(batch(*events[:5], bad, *events[6:]), "/")
    assert statuses(answer) == ["201"] * 5 + [status] + ["201"] * 4
    assert told(answer)["entry"][5]["response"]["outcome"]["issue"][0]["severity"] == "error"
    assert len(feed.stored()) == 9


def test_one_bad_of_three_in_xml_leaves_two(feed: Feed) -> None:
    good = fhirxml.write(batch(*map(audit_event, range(3))))
    bad = good.replace(b'<recorded value="2026-11-20T10:00:01.000Z"/>', b'<when value="2026"/>')
    assert bad != good
    assert statuses(feed.post(bad, "/", **XML)) == ["201", "400", "201"]
    assert len(feed.stored()) == 2


@pytest.mark.parametrize(
    "bundle",
    [
        batch(audit_event(), kind="transaction"),
        batch(audit_event(), kind="collection"),
        batch(audit_event(1), entry(audit_event(2), request={"method": "PUT", "url": "AuditEvent/1"})),
        batch(entry(audit_event(), request={"method": "GET", "url": "AuditEvent"})),
        batch(entry({"resourceType": "Patient"}, request={"method": "POST", "url": "Patient"})),
        batch(entry(audit_event(), request={"method": "POST", "url": "AuditEvent", "ifNoneExist": "_id=1"})),
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": audit_event()}]},
        {"resourceType": "Bundle", "entry": []},
        audit_event(),
    ],
)
def test_a_bundle_that_asks_for_anything_else_is_refused_whole(feed: Feed, bundle: Any) -> None:
    answer = feed.post(bundle, "/")
    assert (answer.status, told(answer)["resourceType"]) == (400, "OperationOutcome")
    assert feed.stored() == []


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        (audit_event(type=None), 400),
        (audit_event(agent=[]), 400),
        (audit_event(outcome="7"), 422),
        ({"resourceType": "Patient"}, 400),
    ],
)
def test_what_is_no_event_is_refused(feed: Feed, resource: Any, status: int) -> None:
    answer = feed.post(resource)
    assert (answer.status, told(answer)["resourceType"]) == (status, "OperationOutcome")
    assert feed.stored() == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/AuditEvent", "/AuditEvent/1-1"])
def test_what_was_told_is_not_changed(feed: Feed, method: str, path: str) -> None:
    raw = feed.words.feed_raw(feed.house, path)
    raw = replace(raw, method=method, body=b"" if method == "DELETE" else raw.body)
    answer = asyncio.run(feed.house.call("fhir", raw))
    assert answer.status == 405
    assert "allow" in answer.headers


def test_the_feed_is_told_without_patients(feed: Feed) -> None:
    feed.post(audit_event(1))
    feed.post(batch(audit_event(2), audit_event(3, type=None)), "/")
    one, taken, refused = (each for each in feed.audit() if each.transaction)
    assert [(each.event.code, each.transaction, each.action) for each in (one, taken, refused)] == [
        ("rest", "ITI-20", "C")
    ] * 3
    assert [each.outcome for each in (one, taken, refused)] == [0, 0, 4]
    assert not [each for row in (one, taken, refused) for each in row.patients]
    name = feed.stored()[-1].name
    assert name in {each.identifier for each in one.entities}
    assert taken.entities[0].detail("stored") == "1"
    assert refused.entities[0].detail("refused") == "1"


def test_who_may_not_feed_is_refused(feed: Feed) -> None:
    raw = feed.words.feed_raw(feed.house, "/AuditEvent")
    stranger = feed.house.peer(raw, "pharmacy")
    answer = asyncio.run(feed.house.call("fhir", stranger))
    assert answer.status == 403
    assert feed.stored() == []
