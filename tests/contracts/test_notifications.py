"""Changed persons are told over real sockets with mutual TLS (ITI TF-2 3.10): in order, and to each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hl7apy.parser import parse_message

from gateway.cli.started import prepare, serving
from tests.receivers import CHANGES, LAB, SILENCE, WARD, Place, Receiver

NOTIFIED, REFUSED = ("110110", "ITI-10", 0), ("110110", "ITI-10", 8)
GIVEN_UP, NODE = ("110113", "notification-given-up", 8), ("110113", "110126", 8)
ENTRY = f"""
[[notify]]
form = "ITI-10"
address = "mllps://localhost:{{port}}"
domains = ["{WARD}", "{LAB}"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running server, with two workers."""
    found = Place(prepare(tmp_path_factory.mktemp("notified") / "home", CHANGES, watched=False), ENTRY)
    with serving(found.config, workers=2):
        asyncio.run(found.until(lambda: found.started() == 2))
        yield found


@pytest.fixture
def place(server: Place) -> Iterator[Place]:
    """The same server; every test leaves it with nothing to tell."""

    async def drained() -> None:
        async with server.mllp(), server.mllp("laboratory"):
            await server.emptied()

    yield server
    asyncio.run(drained())


@pytest.fixture
def silent(tmp_path: Path) -> Place:
    """An installation whose server the test starts itself."""
    return Place(prepare(tmp_path / "home", CHANGES, watched=False), ENTRY)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(main())  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def both(place: Place) -> AsyncIterator[Sequence[Receiver]]:
    async with place.mllp() as one, place.mllp("laboratory") as other:
        yield one, other


def test_both_receivers_are_told_of_a_new_patient_and_of_a_link(place: Place) -> None:
    async def main() -> None:
        before = place.audited()
        async with both(place) as receivers:
            await place.feed("WARD:1")
            await place.feed("LAB:9")
            for each in receivers:
                assert await each.told(2) == [{"1"}, {"1", "9"}]
                assert each.connections == 1, "the connection is kept"
            await place.emptied()
            assert [len(each.received) for each in receivers] == [2, 2]
        assert place.audit(before) == [NOTIFIED] * 4
        messages = place.rows("SELECT message, evidence FROM audit WHERE message LIKE '%ITI-10%' ORDER BY id")
        message, evidence = messages[-1]
        assert 'EventActionCode="R"' in message
        assert "1^^^&amp;2.999.3.1&amp;ISO" in message
        assert "9^^^&amp;2.999.3.2&amp;ISO" in message
        assert '"reply_to":"mllps://localhost:' in evidence
        assert '"node_certificate_sha256":"' in evidence

    run(main)


def test_the_message_is_one_of_hl7_and_of_ihe(place: Place) -> None:
    async def main() -> None:
        async with both(place) as (receiver, _):
            await place.feed("WARD:2", person="KLEIN^PAUL||19520703|M")
            await receiver.told(1)
        assert b"|| |\r" in receiver.octets[0]
        # hl7apy drops a field of one space, and then misses it.
        parsed = parse_message(receiver.octets[0].replace(b"|| |\r", b"||NAME\r").decode("ascii"))
        assert parsed.name == "ADT_A05"
        assert parsed.validate()
        (message,) = receiver.received
        assert message.field("MSH-9") == "ADT^A31^ADT_A05"
        assert message.field("MSH-12") == "2.5"
        assert message.field("MSH-21") == "ITI-10^IHE"
        assert len(message.field("MSH-10")) == 20
        assert message.field("MSH-3") == "PASSERELLE^2.999.1.4^ISO"
        assert message.field("MSH-5") == "pharmacy"
        assert message.field("EVN-2")
        assert message.field("PID-3") == f"2^^^WARD&{WARD}&ISO"
        assert message.field("PID-5") == " "
        assert message.field("PV1-2") == "N"
        assert receiver.octets[0].split(b"\r")[-2] == b"PV1||N"

    run(main)


def test_a_merge_is_told_once(place: Place) -> None:
    async def main() -> None:
        async with both(place) as (receiver, _):
            await place.feed("WARD:31", person="THILL^MARC||19610101|M")
            await place.feed("WARD:32", person="HOFFMANN^LEA||19990909|F")
            await place.merge("WARD:31", "WARD:32")
            assert await receiver.told(3) == [{"31"}, {"32"}, {"31"}]
            await place.emptied()
            assert len(receiver.received) == 3

    run(main)


def test_a_dead_receiver_delays_nobody_and_is_told_when_it_comes_back_in_order(place: Place) -> None:
    async def main() -> None:
        async with place.mllp("laboratory") as alive:
            began = time.monotonic()
            for number in range(5):
                await place.feed(f"WARD:4{number}", person=f"DEAD^N{number}||19{number + 10}0101|F")
            assert time.monotonic() - began < 5.0
            assert await alive.told(5) == [{f"4{number}"} for number in range(5)]
            await place.until(lambda: place.rows("SELECT max(attempts) FROM outbox")[0][0] >= 2)
            assert place.waiting() == 5
            async with place.mllp() as back:
                assert await back.told(5) == [{f"4{number}"} for number in range(5)]
                await place.emptied()
                assert len(back.received) == 5

    run(main)


def test_a_receiver_that_never_answers_delays_nobody(place: Place) -> None:
    async def main() -> None:
        async with both(place) as (slow, alive):
            slow.answers += [SILENCE, ""]
            await place.feed("WARD:51", person="SLOW^ONE||19700101|F")
            await place.feed("WARD:52", person="SLOW^TWO||19710202|M")
            assert await alive.told(2) == [{"51"}, {"52"}]
            assert len(slow.received) <= 1, "the other was told while this one was silent"
            await slow.told(4)
            assert [each.field("PID-3")[:2] for each in slow.received] == ["51", "51", "51", "52"]
            ids = [each.field("MSH-10") for each in slow.received]
            assert ids[0] == ids[1] == ids[2] != ids[3], "what comes again has its first id"

    run(main)


def test_what_is_rejected_comes_again_and_what_is_refused_does_not(place: Place) -> None:
    async def main() -> None:
        before = place.audited()
        async with both(place) as (receiver, _):
            receiver.answers += ["AR", "AE", "AA"]
            await place.feed("WARD:61", person="FIRST^ONE||19700303|F")
            await place.feed("WARD:62", person="SECOND^TWO||19710404|M")
            assert await receiver.told(3) == [{"61"}, {"61"}, {"62"}]
            await place.emptied()
            assert len(receiver.received) == 3
        told = place.audit(before)
        assert sorted(told) == sorted([NOTIFIED] * 3 + [REFUSED, GIVEN_UP])
        (alert,) = place.rows("SELECT message FROM audit WHERE message LIKE '%notification-given-up%'")
        assert "the receiver refused it" in alert[0]
        assert "61^^^" not in alert[0], "no patient in the alert"

    run(main)


def test_another_certificate_at_the_address_is_told_nothing(place: Place) -> None:
    place.issue("impostor")

    async def main() -> None:
        async with place.mllp("laboratory"):
            before = place.audited()
            async with place.mllp(certificate="impostor") as impostor:
                await place.feed("WARD:71", person="KEPT^SECRET||19700505|F")
                await place.until(lambda: NODE in place.audit(before))
                assert impostor.received == []
                assert place.waiting() == 1
            async with place.mllp() as receiver:
                assert await receiver.told(1) == [{"71"}]

    run(main)


def test_what_was_committed_is_told_although_the_server_died(silent: Place) -> None:
    async def feed() -> None:
        await silent.feed("WARD:1")
        await silent.feed("WARD:2", person="KLEIN^PAUL||19520703|M")

    async def receive() -> None:
        async with both(silent) as receivers:
            with serving(silent.config):
                for each in receivers:
                    assert await each.told(2) == [{"1"}, {"2"}]
                await silent.emptied()

    with serving(silent.config) as process:
        asyncio.run(feed())
        process.kill()
        process.wait()
    assert silent.rows("SELECT count(*) FROM outbox") == [(4,)]
    assert b"PID" not in silent.rows("SELECT body FROM outbox")[0][0]
    assert b"2.999.3.1" not in silent.rows("SELECT about FROM outbox")[0][0]
    asyncio.run(receive())


def test_what_nobody_takes_is_given_up_with_an_alert(tmp_path: Path) -> None:
    place = Place(
        prepare(tmp_path / "home", {**CHANGES, "outbox.notice_keep_seconds": "1.0"}, watched=False), ENTRY
    )

    async def main() -> None:
        await place.feed("WARD:1")
        await place.emptied()
        assert sorted(place.audit()) == sorted([(*REFUSED[:2], 8), GIVEN_UP] * 2)

    with serving(place.config):
        asyncio.run(main())
