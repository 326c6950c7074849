"""Replies that wait: sealed, in their order, each in the hands of one taker at a time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.errors import Busy, Defect, ReplyUndeliverable
from gateway.stores import tables
from gateway.stores.outbox import Claimed, Outbox
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, 250_000, tzinfo=UTC)
LEASE = timedelta(seconds=60)


@pytest.fixture
def outbox(record: Any) -> Outbox:
    return Outbox(
        record.database, record.keys, record.new_key, largest=100, waiting=3, keep=timedelta(hours=1)
    )


@pytest.fixture
def put(record: Any, outbox: Outbox) -> Callable[..., None]:
    """put(node, address, octets): one reply, committed."""

    def putting(
        node: str = "a",
        address: str = "https://a/1",
        octets: bytes = b"octets",
        about: bytes | None = None,
    ) -> None:
        work = UnitOfWork()
        noted = outbox.put(
            work,
            node=node,
            address=address,
            trace_id="0" * 32,
            transaction="ITI-18",
            content_type="application/soap+xml",
            octets=octets,
            at=AT,
            about=about,
        )
        record.run(noted)
        record.commit(work)

    return putting


def claim(record: Any, outbox: Outbox, key: int, at: datetime = AT) -> Claimed | None:
    return record.run(outbox.claim(key, at, at + LEASE))  # type: ignore[no-any-return]


def due(record: Any, outbox: Outbox, at: datetime = AT) -> list[Any]:
    return list(record.run(outbox.due(at)))


def test_a_reply_is_kept_sealed_and_opened_whole(record: Any, outbox: Outbox, put: Any) -> None:
    for octets in (b"octets of a patient", b"x" * 2_000_000):
        put(octets=octets)
        (first,) = due(record, outbox)
        reply = claim(record, outbox, first.key)
        assert reply is not None
        assert octets[:50] not in reply.body
        assert record.run(outbox.open(reply)) == octets
        assert (reply.attempts, reply.expires, reply.address) == (
            1,
            AT + timedelta(hours=1),
            "https://a/1",
        )
        work = UnitOfWork()
        outbox.remove(work, reply)
        record.commit(work)
    assert due(record, outbox) == []


def test_only_the_first_of_an_address_is_due(record: Any, outbox: Outbox, put: Any) -> None:
    for node, address in (
        ("a", "https://a/1"),
        ("a", "https://a/1"),
        ("a", "https://a/2"),
        ("b", "https://b/1"),
    ):
        put(node, address)
    found = due(record, outbox)
    assert [(each.node, each.address) for each in found] == [
        ("a", "https://a/1"),
        ("a", "https://a/2"),
        ("b", "https://b/1"),
    ]
    assert due(record, outbox, AT - timedelta(seconds=1)) == []


def test_of_many_takers_one_gets_it(record: Any, outbox: Outbox, put: Any) -> None:
    put()
    (first,) = due(record, outbox)
    found = record.all(*(outbox.claim(first.key, AT, AT + LEASE) for _ in range(5)))
    assert sum(isinstance(each, Claimed) for each in found) == 1
    assert found.count(None) == 4


def test_the_next_waits_for_the_first(record: Any, outbox: Outbox, put: Any) -> None:
    put()
    put()
    (first,) = due(record, outbox)
    reply = claim(record, outbox, first.key)
    assert due(record, outbox) == []
    work = UnitOfWork()
    outbox.remove(work, reply)  # type: ignore[arg-type]
    record.commit(work)
    (second,) = due(record, outbox)
    assert second.key > first.key


def test_what_a_dead_taker_held_is_due_again_when_its_lease_is_over(
    record: Any, outbox: Outbox, put: Any
) -> None:
    put()
    (first,) = due(record, outbox)
    dead = claim(record, outbox, first.key)
    assert due(record, outbox, AT + LEASE - timedelta(milliseconds=1)) == []
    assert due(record, outbox, AT + LEASE) == [first]
    alive = claim(record, outbox, first.key, AT + LEASE)
    assert alive is not None
    assert alive.attempts == 2
    work = UnitOfWork()
    outbox.postpone(work, dead, AT)  # type: ignore[arg-type]
    record.commit(work)
    assert due(record, outbox, AT + LEASE) == [], "who lost his lease changes nothing"


def test_a_postponed_reply_is_due_at_its_time(record: Any, outbox: Outbox, put: Any) -> None:
    put()
    (first,) = due(record, outbox)
    reply = claim(record, outbox, first.key)
    work = UnitOfWork()
    outbox.postpone(work, reply, AT + timedelta(seconds=5))  # type: ignore[arg-type]
    record.commit(work)
    assert due(record, outbox, AT + timedelta(seconds=4)) == []
    assert due(record, outbox, AT + timedelta(seconds=5)) == [first]


def test_there_is_room_for_some_replies_of_each_node(record: Any, outbox: Outbox, put: Any) -> None:
    for _ in range(3):
        record.run(outbox.check_room("a"))
        put()
    with pytest.raises(Busy):
        record.run(outbox.check_room("a"))
    record.run(outbox.check_room("b"))


def test_a_reply_has_a_largest_size(outbox: Outbox) -> None:
    outbox.check_size(100)
    with pytest.raises(ReplyUndeliverable):
        outbox.check_size(101)


def test_a_reply_moved_to_another_node_does_not_open(record: Any, outbox: Outbox, put: Any) -> None:
    put()
    work = UnitOfWork()
    work.write(update(tables.outbox).values(node="b"))
    record.commit(work)
    (first,) = due(record, outbox)
    reply = claim(record, outbox, first.key)
    with pytest.raises(Defect):
        record.run(outbox.open(reply))  # type: ignore[arg-type]


def test_a_refused_request_leaves_no_reply(record: Any, outbox: Outbox) -> None:
    work = UnitOfWork()
    record.run(
        outbox.put(
            work,
            node="a",
            address="https://a/1",
            trace_id="0" * 32,
            transaction="ITI-18",
            content_type="x",
            octets=b"x",
            at=AT,
        )
    )
    assert record.run(record.database.fetch(select(tables.outbox))) == []


def test_a_notification_keeps_sealed_what_it_is_about_and_waits_longer(
    record: Any, outbox: Outbox, put: Any
) -> None:
    put(about=b"a patient")
    (first,) = due(record, outbox)
    row = claim(record, outbox, first.key)
    assert row is not None
    assert row.about is not None
    assert b"a patient" not in row.about
    assert outbox.open_about(row) == b"a patient"
    assert row.expires == AT + timedelta(days=7)


def test_a_reply_is_about_nothing(record: Any, outbox: Outbox, put: Any) -> None:
    put()
    (first,) = due(record, outbox)
    row = claim(record, outbox, first.key)
    assert row is not None
    with pytest.raises(Defect):
        outbox.open_about(row)


def test_notifications_take_no_room_from_replies(record: Any, outbox: Outbox, put: Any) -> None:
    for _ in range(5):
        put(about=b"x")
    record.run(outbox.check_room("a"))


def test_the_following_row_of_a_lane_is_found(record: Any, outbox: Outbox, put: Any) -> None:
    put(address="https://a/1")
    put(address="https://a/1")
    put(address="https://a/2")
    first, other = due(record, outbox)
    row = claim(record, outbox, first.key)
    assert row is not None
    assert record.run(outbox.following(first.lane, AT)) is None, "the first is not gone"
    work = UnitOfWork()
    outbox.remove(work, row)
    record.commit(work)
    second = record.run(outbox.following(first.lane, AT))
    assert second.key not in {first.key, other.key}
    assert record.run(outbox.following(("b", "https://b"), AT)) is None


def test_lanes_are_told_apart_however_much_waits_in_one(record: Any, outbox: Outbox, put: Any) -> None:
    for number in range(30):
        put("a", "https://a/1")
        put("a", f"https://a/{number % 3}")
    put("a", "https://b/1")
    put("ab", "https://a/1")
    lanes = [each.lane for each in due(record, outbox)]
    assert sorted(lanes) == [
        ("a", "https://a/0"),
        ("a", "https://a/1"),
        ("a", "https://a/2"),
        ("a", "https://b/1"),
        ("ab", "https://a/1"),
    ]
    assert len(set(lanes)) == len(lanes)
