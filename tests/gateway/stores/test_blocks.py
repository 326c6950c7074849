"""Messages of others are packed into sealed blocks, read again alone or together, and taken once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from gateway.crypto.merkle import inclusion_proof, tree_hash, verify_inclusion
from gateway.errors import Defect, Outdated
from gateway.record.events import Received
from gateway.stores import tables
from gateway.stores.blocks import MOST_MESSAGES, BlockStore, SeenStore, digest_of, key_of
from gateway.stores.events import SYSTEM, USE
from gateway.stores.keys import key_maker
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
SLOT = 2930
PLAIN = b"<AuditMessage of=\xe2\x82\xac secret/>"


def message(number: int, raw: bytes = PLAIN) -> Received:
    return Received(
        raw=raw + b"%d" % number,
        form="dicom",
        at=AT,
        sender="hospital",
        address="192.0.2.1",
        header=(("pri", "85"), ("hostname", "host"), ("structured-data", "[a@1]")),
        fault=None if number % 2 else "a fault",
    )


def store(record: Any) -> BlockStore:
    return BlockStore(record.database, record.keys, record.new_key)


def put(record: Any, blocks: BlockStore, messages: list[Received], trail: int = USE) -> list[tuple[int, int]]:
    work = UnitOfWork()
    places: list[tuple[int, int]] = record.run(blocks.put(work, trail, SLOT, messages, AT))
    record.commit(work)
    return places


def test_messages_come_back_as_they_were(record: Any) -> None:
    blocks, messages = store(record), [message(number) for number in range(MOST_MESSAGES + 3)]
    places = put(record, blocks, messages)
    assert [item for _, item in places] == [*range(MOST_MESSAGES), 0, 1, 2]
    assert record.run(blocks.read(places)) == dict(zip(places, messages, strict=True))
    assert record.run(blocks.read(places[7:8])) == {places[7]: messages[7]}
    assert record.run(blocks.messages(places[-1][0])) == messages[MOST_MESSAGES:]
    assert record.run(blocks.read([(places[0][0], 99), (1, 0)])) == {}


def test_large_messages_get_blocks_of_their_own(record: Any) -> None:
    messages = [message(number, b"x" * 700_000) for number in range(3)]
    places = put(record, store(record), messages)
    assert [item for _, item in places] == [0, 0, 0]
    assert len({block for block, _ in places}) == 3


def test_the_root_of_a_block_proves_each_message(record: Any) -> None:
    messages = [message(number) for number in range(5)]
    block = put(record, store(record), messages)[0][0]
    (row,) = record.run(record.database.fetch(tables.event_block.select()))
    entries = [each.raw for each in messages]
    assert (row.id, row.count, row.slot, row.trail) == (block, 5, SLOT, USE)
    assert row.root == tree_hash(entries)
    verify_inclusion(entries[3], 3, 5, inclusion_proof(entries, 3), row.root)


def test_nothing_stands_there_in_clear_and_nothing_can_be_moved(record: Any) -> None:
    blocks = store(record)
    places = put(record, blocks, [message(1), message(2)])
    (row,) = record.run(record.database.fetch(tables.event_block.select()))
    for secret in (b"secret", b"hospital", b"192.0.2.1"):
        assert secret not in row.body
    work = UnitOfWork()
    work.write(update(tables.event_block).values(count=1))
    record.commit(work)
    with pytest.raises(Defect):
        record.run(blocks.read(places))


def test_each_week_and_trail_has_a_key_which_takes_all_with_it(record: Any) -> None:
    blocks = store(record)
    kept, gone = put(record, blocks, [message(1)], SYSTEM), put(record, blocks, [message(2)])
    keys = record.run(record.database.fetch(text("SELECT trail, slot FROM slot_key ORDER BY trail")))
    assert [tuple(each) for each in keys] == [(USE, SLOT), (SYSTEM, SLOT)]
    work = UnitOfWork()
    work.write(delete(tables.slot_key).where(tables.slot_key.c.trail == USE))
    record.commit(work)
    assert record.run(blocks.read([*kept, *gone])) == {kept[0]: message(1)}


def test_a_key_that_is_destroyed_meanwhile_loses_nothing(record: Any) -> None:
    blocks, late = store(record), UnitOfWork()
    put(record, blocks, [message(1)])
    record.run(blocks.put(late, USE, SLOT, [message(2)], AT))
    work = UnitOfWork()
    work.write(delete(tables.slot_key))
    record.commit(work)
    with pytest.raises(Outdated):
        record.commit(late)
    places = put(record, blocks, [message(2)])
    assert record.run(blocks.read(places)) == {places[0]: message(2)}


def test_two_workers_make_one_key(record: Any) -> None:
    works = [UnitOfWork() for _ in range(4)]
    record.all(*[store(record).put(each, USE, SLOT, [message(at)], AT) for at, each in enumerate(works)])
    for each in works:
        record.commit(each)
    assert len(record.run(record.database.fetch(tables.slot_key.select()))) == 1
    blocks = record.run(record.database.fetch(tables.event_block.select()))
    found = record.run(store(record).read([(row.id, 0) for row in blocks]))
    assert sorted(each.raw for each in found.values()) == sorted(message(at).raw for at in range(4))


def test_a_message_is_known_by_sender_header_and_text() -> None:
    first = message(1)
    assert digest_of(first) == digest_of(replace(first, at=datetime.now(UTC), fault="x"))
    resent = replace(first, header=(*first.header[:2], ("structured-data", '[resent@32473 position="1"]')))
    assert digest_of(first) == digest_of(resent)
    for other in (
        replace(first, sender="laboratory"),
        replace(first, raw=first.raw + b" "),
        replace(first, header=(("pri", "84"), *first.header[1:])),
        replace(first, form="plain"),
    ):
        assert digest_of(first) != digest_of(other)


def test_what_was_seen_is_found_and_cannot_be_noted_twice(record: Any) -> None:
    seen, digests = SeenStore(record.database), [digest_of(message(number)) for number in range(150)]
    for part in (digests[:100], digests[100:101]):
        work = UnitOfWork()
        seen.note(work, SLOT, part)
        record.commit(work)
    assert record.run(seen.find(SLOT, digests)) == set(digests[:101])
    assert record.run(seen.find(SLOT + 1, digests)) == set()
    assert record.run(seen.find(SLOT, [])) == set()
    again = UnitOfWork()
    seen.note(again, SLOT, digests[99:])
    with pytest.raises(Outdated):
        record.commit(again)
    assert record.run(seen.find(SLOT, digests)) == set(digests[:101])


def test_events_of_blocks_have_keys_that_grow_and_stay() -> None:
    make = key_maker(iter(range(1_800_000_000_000, 1_800_000_000_100)).__next__)
    places = [(block, item) for block in (make(), make()) for item in range(MOST_MESSAGES)]
    keys = [key_of(place) for place in places]
    assert keys == sorted(set(keys))
    assert keys == [key_of(place) for place in places]
    assert {key >> 22 for key in keys} == {block >> 22 for block, _ in places}
