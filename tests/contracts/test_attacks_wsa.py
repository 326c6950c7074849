"""WSA-01 to WSA-05 through the whole pipeline: addressing, replay, timestamps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.crypto.xmldsig import HeaderBlock, names

ITI_18, ITI_41 = "urn:ihe:iti:2007:RegistryStoredQuery", "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
ELSEWHERE = b"<wsa:Address>http://127.0.0.1:9/x</wsa:Address>"


def test_wsa_01_the_same_message_again(forge: Any, words: Any) -> None:
    for raw in (forge.query(), forge.provide(), forge.register()):
        forge.accepted(raw)
        forge.refused(raw, words.wsse("FailedCheck"), words.message)


def test_wsa_01_the_same_id_with_other_content(forge: Any, words: Any) -> None:
    headers = {"MessageID": "urn:uuid:00000000-0000-4000-8000-000000000001"}
    forge.accepted(forge.query(headers=headers))
    forge.refused(forge.query(headers=headers), words.wsse("FailedCheck"), words.message)
    forge.refused(forge.provide(headers=headers), words.wsse("FailedCheck"), words.message)


def test_wsa_01_the_id_of_another_sender_is_another_id(forge: Any, words: Any) -> None:
    headers = {"MessageID": "urn:uuid:00000000-0000-4000-8000-000000000002"}
    forge.accepted(forge.query(headers=headers))
    found = forge.send(
        forge.query(headers=headers, partner="pharmacy", role="pharmacist"), unchanged=False, secret=False
    )
    assert found.response == "Success"
    assert found.kinds == [words.query(0)]


def test_wsa_01_a_refused_message_may_come_again(forge: Any, words: Any) -> None:
    """Only what had an effect is remembered: the refused one left nothing."""
    raw = forge.query()
    forge.refused(forge.changed(raw, b"CONTRACT-1", b"CONTRACT-2"), words.wsse("FailedCheck"), words.message)
    forge.accepted(raw)


def test_wsa_02_the_parameter_names_another_action(forge: Any, words: Any) -> None:
    raw = forge.provide()
    kind = raw.headers["content-type"].replace(ITI_41, ITI_18)
    raw.headers["content-type"] = kind  # type: ignore[index]
    forge.refused(raw, words.wsa("ActionMismatch"), words.message)


def test_wsa_02_the_body_is_of_another_action(forge: Any, words: Any) -> None:
    raw = forge.simple("ITI-42", forge.envelope("ITI-42", [forge.asked(words.FIND)]))
    forge.refused(raw, words.wsa("ActionMismatch"), words.message)


@pytest.mark.parametrize(
    "headers",
    [
        {"To": "https://other.example/xds/repository"},
        {"To": "http://localhost:8443/xds/registry"},
        {"MessageID": None},
        {"MessageID": ""},
    ],
    ids=["another-endpoint", "not-https", "no-id", "empty-id"],
)
def test_wsa_03_addressing(forge: Any, words: Any, headers: dict[str, object]) -> None:
    forge.refused(forge.query(headers=headers), words.wsa("InvalidAddressingHeader"), words.query(4))


def test_wsa_03_a_header_twice(forge: Any, words: Any) -> None:
    more = (HeaderBlock.of_text(f"{{{names.WSA}}}To", forge.url("ITI-18")),)
    forge.refused(forge.query(more=more), words.wsa("InvalidAddressingHeader"), words.query(4))


def test_wsa_03_no_action(forge: Any, words: Any) -> None:
    raw = forge.query(headers={"Action": None})
    forge.refused(raw, words.wsa("InvalidAddressingHeader"), words.abuse)


def test_wsa_04_a_mandatory_header_that_is_unknown(forge: Any, words: Any) -> None:
    block = HeaderBlock.of_text("{urn:u}Transaction", "1", must_understand=True)
    found = forge.refused(forge.query(more=(block,)), (500, "MustUnderstand", None), words.query(4))
    assert b"NotUnderstood" in found.body
    assert b"urn:u" in found.body
    forge.accepted(forge.query(more=(HeaderBlock.of_text("{urn:u}Transaction", "1"),)))


def at(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_wsa_05_six_minutes_old(forge: Any, words: Any) -> None:
    forge.refused(forge.query(now=at(-360)), words.wsse("MessageExpired"), words.message)
    forge.refused(forge.query(now=at(-301)), words.wsse("MessageExpired"), words.message)
    forge.accepted(forge.query(now=at(-298)))


def test_wsa_05_from_the_future(forge: Any, words: Any) -> None:
    forge.refused(forge.query(now=at(120)), words.wsse("InvalidSecurity"), words.message)
    forge.refused(forge.query(now=at(62)), words.wsse("InvalidSecurity"), words.message)
    forge.accepted(forge.query(now=at(58)))


def test_wsa_05_expires_before_it_was_created(forge: Any, words: Any) -> None:
    raw = forge.query()
    start = raw.body.index(b"<wsu:Expires>") + len(b"<wsu:Expires>")
    expires = raw.body[start : raw.body.index(b"</wsu:Expires>")]
    changed = forge.resigned(
        forge.changed(raw, expires, b"2020-01-01T00:00:00Z"),
        *("timestamp", "body", "header-0", "header-1", "header-2", "header-3"),
    )
    forge.refused(changed, words.wsse("InvalidSecurity"), words.message)


def test_wsa_05_no_timestamp(forge: Any, words: Any) -> None:
    def change(root: Any) -> None:
        security = root.find(f".//{names.SECURITY}")
        security.remove(security.find(names.TIMESTAMP))

    forge.refused(forge.bent(forge.query(), change), words.wsse("InvalidSecurity"), words.message)


def test_wsa_05_replayed_when_its_time_is_over(forge: Any, words: Any) -> None:
    """The memory of messages lasts longer than any of them."""
    raw = forge.query()
    forge.accepted(raw)
    later = {"clock": lambda: at(301)}
    forge.refused(raw, words.wsse("MessageExpired"), words.message, **later)
    assert forge.house.gateway.engine.replay_seconds > 300


def test_wsa_05_a_message_that_came_slowly_is_judged_by_when_it_began(forge: Any, words: Any) -> None:
    raw = forge.query()
    arrived = {"clock": lambda: at(1200)}
    forge.refused(replace(raw, received=at(301)), words.wsse("MessageExpired"), words.message, **arrived)
    forge.accepted(replace(raw, received=at(0)), **arrived)
    forge.refused(replace(raw, received=at(290)), words.wsse("FailedCheck"), words.message, **arrived)


def test_wsa_05_a_message_is_remembered_until_its_slowest_replay_has_come(forge: Any) -> None:
    forge.accepted(forge.query())
    ((expires,),) = forge.house._query("SELECT max(expires_at) FROM seen_message")
    latest = at(300 + forge.house.settings.limits.longest_request_seconds)
    assert expires > latest.timestamp() * 1000
