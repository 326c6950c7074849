"""The head of a syslog message, octet by octet (RFC 5424), and its frame (RFC 5425)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.audit.syslog import framed, syslog_message

AT = datetime(2026, 11, 22, 10, 0, 0, 123456, UTC)


def written(**changes: Any) -> bytes:
    given: dict[str, Any] = {
        "at": AT,
        "outcome": 0,
        "host": "gateway.example",
        "process": "42",
        "position": 7,
        "repeated": False,
    }
    return syslog_message("<AuditMessage/>", **{**given, **changes})


def test_a_success_is_a_notice_without_structured_data() -> None:
    head = b"<85>1 2026-11-22T10:00:00.123Z gateway.example passerelle 42 IHE+RFC-3881 - "
    assert written() == head + b"<AuditMessage/>"


def test_a_failure_is_a_warning() -> None:
    assert written(outcome=8).startswith(b"<84>1 ")


def test_a_repetition_says_so() -> None:
    assert b' IHE+RFC-3881 [resent@32473 position="7"] <' in written(repeated=True)


def test_what_is_no_name_does_not_break_the_head() -> None:
    assert b"Z ab passerelle - IHE" in written(host="a b\n", process="\xe9 ")


def test_a_frame_tells_the_octets_not_the_characters() -> None:
    assert framed("é".encode()) == b"2 \xc3\xa9"
