"""Lines of the operators' trail are syslog messages that cannot be forged from inside (RFC 5424)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from gateway.identity.operators import Trail

AT = datetime(2026, 3, 4, 5, 6, 7, 891_000, tzinfo=UTC)
TRAIL = Trail("gateway.example", "prod")


def test_a_line_of_success() -> None:
    line = TRAIL.line("login", good=True, at=AT, login="alice", source="192.0.2.1")
    assert re.fullmatch(
        r"<109>1 2026-03-04T05:06:07\.891Z gateway\.example passerelle \d+ login "
        r'\[operator@32473 environment="prod" outcome="success" login="alice" source="192\.0\.2\.1"\] '
        r"operator login: success",
        line,
    )


def test_a_failure_is_a_warning_with_its_reason() -> None:
    line = TRAIL.line("login", good=False, at=AT, login="", reason="code refused")
    assert line.startswith("<108>1 ")
    assert 'outcome="failure" reason="code refused"]' in line


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('a"b', 'a\\"b'),
        ("a]b", "a\\]b"),
        ("a\\b", "a\\\\b"),
        ("a\nb", "a?b"),
        ("a\r\n\0b", "a???b"),
        ("é", "é"),
    ],
)
def test_nothing_said_breaks_out_of_its_value(given: str, kept: str) -> None:
    line = TRAIL.line("act", good=True, at=AT, act=given)
    assert f' act="{kept}"]' in line
    assert "\n" not in line


def test_names_of_the_head_have_no_spaces() -> None:
    line = Trail("a host\n", "prod").line("a b", good=True, at=AT)
    assert " a-host- passerelle " in line
    assert line.split(" ")[5] == "a-b"


def test_long_texts_are_cut() -> None:
    assert len(TRAIL.line("act", good=True, at=AT, act="x" * 10_000)) < 1_000
