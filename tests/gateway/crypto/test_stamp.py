"""Time stamps of a real authority, good and wrong ones (RFC 3161, AUD-06)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.crypto.stamp import accept, ask, verify
from gateway.errors import Busy, GatewayError, Malformed, SignatureBroken
from tests.tsa import OTHER_POLICY, POLICY, Tsa

DATA = b"audit.example/2.999.1\n20\nroot\n"
NEAR = timedelta(seconds=30)


@pytest.fixture
def behaving(tsa: Tsa) -> Iterator[Tsa]:
    tsa.mode = "good"
    yield tsa
    tsa.mode = "good"


def stamped(tsa: Tsa, policy: str | None = None) -> tuple[bytes, datetime, str]:
    asked = ask(DATA, policy)
    token, shown = accept(tsa.reply(asked.request), asked, tsa.authorities, datetime.now(UTC), NEAR)
    return token, shown.at, shown.policy


def test_a_stamp_is_accepted_and_verified_later(behaving: Tsa) -> None:
    token, at, policy = stamped(behaving)
    assert abs(at - datetime.now(UTC)) < NEAR
    assert policy == POLICY
    assert verify(token, DATA, behaving.authorities).at == at


def test_a_policy_is_asked_for_and_checked(behaving: Tsa) -> None:
    token, _, policy = stamped(behaving, OTHER_POLICY)
    assert policy == OTHER_POLICY
    with pytest.raises(SignatureBroken, match="Policy"):
        verify(token, DATA, behaving.authorities, POLICY)


@pytest.mark.parametrize(
    ("mode", "error", "reason"),
    [
        ("nonce", SignatureBroken, "Nonce"),
        ("hash", SignatureBroken, "Mismatch between messages"),
        ("expired", SignatureBroken, "expired"),
        ("rejected", Busy, "status 2"),
    ],
)
def test_aud_06_wrong_answers_are_refused(
    behaving: Tsa, mode: str, error: type[GatewayError], reason: str
) -> None:
    asked = ask(DATA)
    behaving.mode = mode
    with pytest.raises(error, match=reason):
        accept(behaving.reply(asked.request), asked, behaving.authorities, datetime.now(UTC), NEAR)


def test_a_stamp_of_another_time_is_refused(behaving: Tsa) -> None:
    asked = ask(DATA)
    reply = behaving.reply(asked.request)
    with pytest.raises(SignatureBroken, match="not that of now"):
        accept(reply, asked, behaving.authorities, datetime.now(UTC) + timedelta(minutes=2), NEAR)


def test_an_unknown_authority_is_refused(behaving: Tsa, tmp_path_factory: pytest.TempPathFactory) -> None:
    token, _, _ = stamped(behaving)
    stranger = Tsa.create(tmp_path_factory.mktemp("stranger"))
    with pytest.raises(SignatureBroken):
        verify(token, DATA, stranger.authorities)


def test_other_octets_are_not_those_of_the_stamp(behaving: Tsa) -> None:
    token, _, _ = stamped(behaving)
    with pytest.raises(SignatureBroken, match="Mismatch"):
        verify(token, DATA + b"x", behaving.authorities)


def test_no_changed_token_holds(behaving: Tsa) -> None:
    token, at, _ = stamped(behaving)
    held = []
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] ^= 0x20
        try:
            shown = verify(bytes(changed), DATA, behaving.authorities)
        except GatewayError:
            continue
        held.append((place, shown.at))
    assert all(shown == at for _, shown in held)


@pytest.mark.parametrize("reply", [b"", b"nonsense", b"\x30\x80", b"\x30\x03\x02\x01\x00"])
def test_nonsense_is_refused(behaving: Tsa, reply: bytes) -> None:
    with pytest.raises(Malformed):
        accept(reply, ask(DATA), behaving.authorities, datetime.now(UTC), NEAR)
