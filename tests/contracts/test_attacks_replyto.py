"""WSA-03 and STD-41 (SSRF) through the whole pipeline: where answers may go, and what is kept for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cli.sending import deliverer
from gateway.crypto.xmldsig import HeaderBlock, names
from gateway.declare.bindings import NOWHERE
from gateway.errors import Busy, SignerRefused
from gateway.record.people import Node
from gateway.transport.callback import Answered

LISTED, EXACT = "https://kis.example:9443/callback", "https://kis.example:9443/one/address"
MESSAGE = ("110113", "message-security", 8)
NODE_ALERT = ("110113", "110126", 8)
GIVEN_UP = ("110113", "reply-given-up", 8)
DELIVERED = ("110100", "reply-delivered", 0)


def endpoint(address: str, more: str = "") -> bytes:
    return f"<wsa:Address>{address}</wsa:Address>{more}".encode()


def to(address: str) -> dict[str, object]:
    return {"ReplyTo": endpoint(address)}


class Listing:
    """The nodes as enrolled, with callback addresses."""

    def __init__(self, nodes: Any, *reply_to: str) -> None:
        self._nodes = nodes
        self._reply_to = reply_to

    def authenticate(self, der: bytes, peer_host: str, now: datetime) -> Node:
        return replace(self._nodes.authenticate(der, peer_host, now), reply_to=self._reply_to)


@pytest.fixture
def how(forge: Any) -> dict[str, Any]:
    """Changes of the engine: the partner is enrolled with two addresses."""
    return {"nodes": Listing(forge.house.gateway.engine.nodes, LISTED, EXACT)}


def kept(forge: Any) -> list[Any]:
    return forge.house._query("SELECT node, address, trace_id, content_type, body FROM outbox ORDER BY key")


def opened(forge: Any) -> bytes:
    """The one reply that waits, in plain."""

    async def read() -> bytes:
        outbox, now = forge.house.gateway.engine.outbox, datetime.now(UTC)
        (due,) = await outbox.due(now)
        reply = await outbox.claim(due.key, now, now + timedelta(seconds=9))
        return bytes(await outbox.open(reply))

    return asyncio.run(read())


@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
@pytest.mark.parametrize(
    "address",
    [
        "http://kis.example:9443/callback",
        "http://127.0.0.1:9/x",
        "https://127.0.0.1:9443/callback",
        "https://[::1]/callback",
        "https://169.254.169.254/latest/meta-data",
        "https://kis.example/callback",
        "https://kis.example:94430/callback",
        "https://kis.example:9443",
        "https://kis.example:9443/",
        "https://kis.example:9443/callback2",
        "https://kis.example:9443/callback/../admin",
        "https://kis.example:9443/callback/./x",
        "https://kis.example:9443/callback/%2e%2e/admin",
        "https://kis.example:9443/callback//x",
        "https://kis.example:9443/callback?to=x",
        "https://kis.example:9443/callback#x",
        "https://kis.example:9443/callback/x\\y",
        "https://kis.example:9443/callback/x&#xD;\nHost: y",
        "https://user@kis.example:9443/callback",
        "https://kis.example:9443@evil.example/callback",
        "https://KIS.example:9443/callback",
        "https://kis.example:9443/one/address/below/../..",
        "file:///etc/passwd",
        "mailto:a@kis.example",
        "",
    ],
)
def test_wsa_03_ssrf_an_address_that_is_not_listed(
    forge: Any, words: Any, how: dict[str, Any], name: str, address: str
) -> None:
    raw = forge.query(headers={name: endpoint(address)})
    found = forge.refused(raw, words.wsa("InvalidAddressingHeader"), MESSAGE, words.query(4), **how)
    assert b"wsa:InvalidAddress<" in found.body
    assert kept(forge) == []


def test_wsa_03_ssrf_a_node_without_a_list(forge: Any, words: Any) -> None:
    found = forge.refused(
        forge.query(headers=to(LISTED)), words.wsa("InvalidAddressingHeader"), MESSAGE, words.query(4)
    )
    assert LISTED.encode() not in found.body
    assert LISTED in found.audit[0].message


def test_wsa_03_an_address_changed_on_the_way(forge: Any, words: Any, how: dict[str, Any]) -> None:
    """Listed or not: the header is not the one that was signed, and nobody is called."""
    raw = forge.changed(forge.query(headers=to(LISTED)), LISTED.encode(), EXACT.encode())
    forge.refused(raw, words.wsse("FailedCheck"), words.message, **how)
    assert kept(forge) == []


@pytest.mark.parametrize(
    ("block", "value"),
    [
        ("no-address", b"<wsa:Metadata></wsa:Metadata>"),
        ("two-addresses", endpoint(LISTED, f"<wsa:Address>{EXACT}</wsa:Address>")),
        (
            "parameters",
            endpoint(LISTED, '<wsa:ReferenceParameters><x xmlns="urn:x"></x></wsa:ReferenceParameters>'),
        ),
    ],
)
def test_wsa_03_an_endpoint_with_two_readings(
    forge: Any, words: Any, how: dict[str, Any], block: str, value: bytes
) -> None:
    raw = forge.query(headers={"ReplyTo": value})
    forge.refused(raw, words.wsa("InvalidAddressingHeader"), words.query(4), **how)
    assert kept(forge) == [], block


def test_wsa_03_two_reply_addresses(forge: Any, words: Any, how: dict[str, Any]) -> None:
    more = (HeaderBlock(f"{{{names.WSA}}}ReplyTo", endpoint(EXACT)),)
    raw = forge.query(headers=to(LISTED), more=more)
    forge.refused(raw, words.wsa("InvalidAddressingHeader"), words.query(4), **how)


def test_which_transactions_may_be_answered_later(forge: Any) -> None:
    """ITI TF-2 V.5 and the sections of the transactions; updates and removals have no such option."""
    catalogue = forge.house.gateway.engine.catalogue
    later = {each.code for each in catalogue.transactions() if getattr(each.binding, "asynchronous", False)}
    assert later == {"ITI-18", "ITI-41", "ITI-42", "ITI-43", "ITI-51", "ITI-61"}


@pytest.mark.parametrize("address", [LISTED, NOWHERE])
@pytest.mark.parametrize("code", ["ITI-57", "ITI-62", "ITI-86", "ITI-92"])
def test_wsa_03_a_transaction_that_is_answered_on_the_connection_only(
    forge: Any, how: dict[str, Any], words: Any, code: str, address: str
) -> None:
    text = forge.envelope(code, [b"<x></x>"], partner="tester", headers=to(address))
    found = forge.send(forge.simple(code, text, "tester"), **how)
    assert found.fault == words.wsa("InvalidAddressingHeader")
    assert b"wsa:OnlyAnonymousAddressSupported<" in found.body
    assert [(each.type, each.outcome) for each in found.audit] == [(code, 4)]
    assert kept(forge) == []


@pytest.mark.parametrize("address", [LISTED, f"{LISTED}/", f"{LISTED}/a/b-1", EXACT])
def test_a_listed_address_gets_the_reply(forge: Any, words: Any, how: dict[str, Any], address: str) -> None:
    found = forge.send(forge.query(headers=to(address)), unchanged=False, **how)
    assert (found.status, found.body) == (202, b"")
    assert found.kinds == [words.query(0)]
    ((node, where, trace, content_type, body),) = kept(forge)
    assert (node, where, trace) == ("hospital", address, found.headers["x-request-id"])
    assert "RegistryStoredQueryResponse" in content_type
    assert b"Envelope" not in body
    text = opened(forge)
    assert b"ResponseStatusType:Success" in text
    assert f">{address}</wsa:To>".encode() in text


def test_a_refusal_is_kept_with_its_audit_row_and_nothing_else(
    forge: Any, words: Any, how: dict[str, Any]
) -> None:
    """In the words of the profile to ReplyTo; nothing of the refused submission is left."""
    unknown = words.document(forge.house, "2.25.1", patient=forge.acting.full_id("NOBODY"))
    entries = forge.house._query("SELECT count(*) FROM entry")
    raw = forge.provide(unknown, headers={"ReplyTo": endpoint(LISTED), "FaultTo": endpoint(EXACT)})
    found = forge.send(raw, unchanged=False, **how)
    assert (found.status, found.body, found.kinds) == (202, b"", [words.provided(4)])
    assert [each[1] for each in kept(forge)] == [LISTED]
    assert forge.house._query("SELECT count(*) FROM entry") == entries
    assert b"XDSUnknownPatientId" in opened(forge)


def test_a_fault_goes_to_its_own_address(forge: Any, words: Any, how: dict[str, Any]) -> None:
    headers = {"ReplyTo": endpoint(LISTED), "FaultTo": endpoint(EXACT)}
    found = forge.send(forge.query(headers=headers, assertion=None), unchanged=False, **how)
    assert (found.status, found.body, found.kinds) == (202, b"", [words.login])
    assert [each[1] for each in kept(forge)] == [EXACT]
    assert b"wsse:InvalidSecurity" in opened(forge)


def test_a_broken_assertion_in_a_proven_message_is_answered_at_the_address(
    forge: Any, how: dict[str, Any]
) -> None:
    assertion = forge.assertion().replace(b"dr.weber", b"dr.other")
    found = forge.send(forge.query(headers=to(LISTED), assertion=assertion), unchanged=False, **how)
    assert (found.status, found.body) == (202, b"")
    assert b"wsse:" in opened(forge)


def test_a_fault_may_stay_on_the_connection(forge: Any, words: Any, how: dict[str, Any]) -> None:
    anonymous = f"{names.WSA}/anonymous"
    headers = {"ReplyTo": endpoint(LISTED), "FaultTo": endpoint(anonymous)}
    forge.refused(
        forge.query(headers=headers, assertion=None), words.wsse("InvalidSecurity"), words.login, **how
    )
    assert kept(forge) == []


def test_nobody_wants_the_reply(forge: Any, words: Any) -> None:
    """WS-Addressing 1.0 core 2.1: messages to this address are not sent."""
    found = forge.send(forge.query(headers=to(NOWHERE)), unchanged=False)
    assert (found.status, found.body, found.kinds) == (202, b"", [words.query(0)])
    assert kept(forge) == []


def test_wsa_01_a_replay_is_refused_on_the_connection(forge: Any, words: Any, how: dict[str, Any]) -> None:
    """The address gets the answer to the first message and no fault about the second."""
    raw = forge.query(headers=to(LISTED))
    assert forge.send(raw, unchanged=False, **how).status == 202
    forge.refused(raw, words.wsse("FailedCheck"), words.message, **how)
    assert len(kept(forge)) == 1


def test_a_message_that_is_not_proven_is_refused_on_the_connection(
    forge: Any, words: Any, how: dict[str, Any]
) -> None:
    raw = forge.changed(forge.query(headers=to(LISTED)), b"CONTRACT-1", b"CONTRACT-2")
    forge.refused(raw, words.wsse("FailedCheck"), words.message, **how)
    forge.refused(
        forge.query(headers=to(LISTED), now=datetime.now(UTC) - timedelta(hours=1)),
        words.wsse("MessageExpired"),
        words.message,
        **how,
    )
    assert kept(forge) == []


@contextlib.contextmanager
def told(forge: Any, **outbox: Any) -> Iterator[Any]:
    settings = forge.house.settings
    with forge.under(replace(settings, outbox=replace(settings.outbox, **outbox))) as other:
        yield other


def test_a_reply_that_is_too_large_is_refused_on_the_connection(
    forge: Any, words: Any, how: dict[str, Any]
) -> None:
    """And nothing is registered."""
    with told(forge, reply_bytes=500) as small:
        found = small.refused(
            small.provide(headers=to(LISTED)), (500, "Receiver", None), words.provided(8), **how
        )
        assert b"anonymous" in found.body
        small.accepted(small.provide())


def test_too_many_replies_wait(forge: Any, words: Any, how: dict[str, Any]) -> None:
    with told(forge, waiting=2) as small:
        for _ in range(2):
            assert small.send(small.query(headers=to(LISTED)), unchanged=False, **how).status == 202
        small.refused(small.query(headers=to(LISTED)), (503, "Receiver", None), words.query(4), **how)
        small.accepted(small.query())


# --- delivery, with a clock of the test's and a receiver in the process ---------------------------


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
