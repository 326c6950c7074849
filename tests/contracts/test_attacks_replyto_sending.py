"""WSA-03 through the whole pipeline: how replies are sent again, given up, or never leave."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.cli.sending import deliverer
from gateway.errors import Busy, SignerRefused
from gateway.record.people import Node
from gateway.transport.callback import Answered
from tests.contracts.listing import DELIVERED, EXACT, GIVEN_UP, LISTED, NODE_ALERT, kept, opened, to


class Receiver:
    """Does what the test says: an answer to give, or an error to raise."""

    def __init__(self, *plan: object) -> None:
        self.plan = list(plan)
        self.taken: list[tuple[str, bytes]] = []

    async def __call__(
        self, node: Node, address: str, headers: dict[str, str], body: bytes, *, read: bool
    ) -> tuple[Answered, bytes]:
        assert not read, "the body of the answer to a reply says nothing"
        assert node.takes_replies_at(address)
        assert headers["Content-Type"]
        step = self.plan.pop(0) if self.plan else Answered(200)
        if isinstance(step, Exception):
            raise step
        assert isinstance(step, Answered)
        self.taken.append((address, body))
        return step, b"certificate"

    async def close(self) -> None:
        """Nothing is kept open."""


class Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC) + timedelta(seconds=1)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Sending:
    """A deliverer of the house under a clock."""

    def __init__(self, forge: Any, receiver: Receiver, *listed: str) -> None:
        self.forge = forge
        self.clock = Clock()
        gateway = forge.house.gateway
        self.deliverer = replace(
            deliverer(gateway),
            engine=replace(gateway.engine, clock=self.clock),
            node_named=lambda name: replace(gateway.nodes.named(name), reply_to=listed),
            send=receiver,
            jitter=lambda: 1.0,
            busy={},
        )

    def round(self) -> None:
        async def main() -> None:
            await self.deliverer.look()
            await self.deliverer.stop(5)

        asyncio.run(main())

    def kinds(self, after: int) -> list[tuple[str, str, int]]:
        rows = self.forge.house._query("SELECT message, outcome FROM audit ORDER BY id")[after:]
        return [self.forge_kind(message, outcome) for message, outcome in rows]

    @staticmethod
    def forge_kind(message: Any, outcome: Any) -> tuple[str, str, int]:
        code = [part.split('"')[0] for part in str(message).split('csd-code="')[1:3]]
        return code[0], code[1], int(outcome)


def test_pauses_double_up_to_the_longest_and_keep_retry_after(forge: Any, how: dict[str, Any]) -> None:
    receiver = Receiver(Busy("down"), Busy("down"), Answered(503, 60.0), Busy("down"))
    sending = Sending(forge, receiver, LISTED)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    for pause in (5, 10, 60, 40):
        sending.round()
        sending.clock.forward(pause - 0.1)
        left = len(receiver.plan)
        sending.round()
        assert len(receiver.plan) == left, "tried before its time"
        sending.clock.forward(0.1)
    sending.round()
    assert kept(forge) == []
    assert [sending.deliverer.pause_after(number) for number in (7, 8, 9, 60)] == [320, 640, 900, 900]


def test_a_reply_is_dated_when_it_leaves_and_told_in_the_audit(forge: Any, how: dict[str, Any]) -> None:
    """Hours later its signature is still one that a receiver accepts."""
    receiver = Receiver()
    sending = Sending(forge, receiver, LISTED)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    first, rows = opened(forge), forge.house.audit_rows()
    sending.clock.forward(7_200)
    sending.round()
    ((_, body),) = receiver.taken
    assert b"ResponseStatusType:Success" in body
    assert sending.clock.at.strftime("<wsu:Created>%Y-%m-%dT%H:%M").encode() in body
    assert body != first
    assert sending.kinds(rows) == [DELIVERED]
    assert kept(forge) == []


def test_a_reply_is_given_up_when_its_time_is_over(forge: Any, how: dict[str, Any]) -> None:
    receiver = Receiver(Busy("down"))
    sending = Sending(forge, receiver, LISTED)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    rows = forge.house.audit_rows()
    sending.round()
    assert sending.kinds(rows) == []
    sending.clock.forward(86_400)
    sending.round()
    assert sending.kinds(rows) == [GIVEN_UP]
    assert kept(forge) == []
    assert receiver.taken == []


def test_tls_15_an_impostor_is_told_in_the_audit(forge: Any, how: dict[str, Any]) -> None:
    sending = Sending(forge, Receiver(SignerRefused("not one of node hospital")), LISTED)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    rows = forge.house.audit_rows()
    sending.round()
    assert sending.kinds(rows) == [NODE_ALERT]
    assert len(kept(forge)) == 1


def test_an_address_taken_off_the_list_is_not_called(forge: Any, how: dict[str, Any]) -> None:
    receiver = Receiver()
    sending = Sending(forge, receiver, EXACT)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    sending.round()
    assert receiver.taken == []
    assert len(kept(forge)) == 1


def test_one_dead_address_of_a_node_does_not_hold_up_the_other(forge: Any, how: dict[str, Any]) -> None:
    receiver = Receiver(Busy("down"))
    sending = Sending(forge, receiver, LISTED, EXACT)
    for address in (LISTED, LISTED, EXACT, EXACT):
        forge.send(forge.query(headers=to(address)), unchanged=False, **how)
    for _ in range(4):
        sending.round()
    assert [address for address, _ in receiver.taken] == [EXACT, EXACT]
    sending.clock.forward(5)
    for _ in range(2):
        sending.round()
    assert [address for address, _ in receiver.taken][2:] == [LISTED, LISTED]


def test_a_reply_that_was_changed_on_the_disk_is_not_sent(forge: Any, how: dict[str, Any]) -> None:
    receiver = Receiver()
    sending = Sending(forge, receiver, LISTED)
    forge.send(forge.query(headers=to(LISTED)), unchanged=False, **how)
    forge.house.change("UPDATE outbox SET body = zeroblob(100)")
    sending.round()
    assert receiver.taken == []
    assert forge.house._query("SELECT attempts FROM outbox") == [(1,)]
