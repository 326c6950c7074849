"""WSA-03 and STD-41 (SSRF) through the whole pipeline: where answers may go, and what is kept for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.crypto.xmldsig import HeaderBlock, names
from gateway.declare.bindings import NOWHERE
from tests.contracts.listing import EXACT, LISTED, MESSAGE, endpoint, kept, opened, to


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
