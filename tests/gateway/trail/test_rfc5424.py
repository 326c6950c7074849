"""Headers of syslog are read where they are right, and no octet of a message is lost."""

from __future__ import annotations

import time

import pytest

from gateway.trail.rfc5424 import read_syslog

HEAD = "<85>1 2026-11-22T10:00:00.123Z host app 4711 IHE+RFC-3881 "


def test_all_fields_are_read() -> None:
    found = read_syslog(f'{HEAD}[a@1 b="c\\"]" d="é"][e@2] text'.encode())
    assert found.header == (
        ("pri", "85"),
        ("version", "1"),
        ("timestamp", "2026-11-22T10:00:00.123Z"),
        ("hostname", "host"),
        ("app-name", "app"),
        ("procid", "4711"),
        ("msg-id", "IHE+RFC-3881"),
        ("structured-data", '[a@1 b="c\\"]" d="é"][e@2]'),
    )
    assert found.message == b"text"
    assert found.field("hostname") == "host"


def test_nil_values_are_left_out() -> None:
    found = read_syslog(b"<0>1 - - - - - -")
    assert (found.header, found.message) == ((("pri", "0"), ("version", "1")), b"")


@pytest.mark.parametrize(
    "message", [b"\xef\xbb\xbf<?xml version='1.0'?><a/>", b"\xff\xfe\x00\n", b" leading", b"", b"-"]
)
def test_the_message_is_what_came(message: bytes) -> None:
    assert read_syslog(HEAD.encode() + b"- " + message).message == message


@pytest.mark.parametrize(
    ("frame", "header"),
    [
        (b"plain text", ()),
        (b"<192>1 - - - - - - x", ()),
        (b"<01>1 - - - - - - x", ()),
        (b"<13>text alone", (("pri", "13"),)),
        (
            b"<34>Oct 11 22:14:15 mymachine su[42]: failed",
            (
                ("pri", "34"),
                ("timestamp", "Oct 11 22:14:15"),
                ("hostname", "mymachine"),
                ("app-name", "su"),
                ("procid", "42"),
            ),
        ),
        (b'<85>1 - - - - - [a@1 b="\xff"] x', (("pri", "85"),)),
        (b"<85>1 - - - - - [a@1 b=c] x", (("pri", "85"),)),
    ],
)
def test_anything_else_is_kept_whole(frame: bytes, header: tuple[tuple[str, str], ...]) -> None:
    found = read_syslog(frame)
    assert (found.header, found.message) == (header, frame)


def test_long_headers_are_read_in_one_way_only() -> None:
    start = time.perf_counter()
    for broken in (b'[a b="' + b"\\\\" * 30_000, b"[a" * 20_000, b'[a b="c"]' * 7_000 + b"x"):
        read_syslog(b"<85>1 - - - - - " + broken)
    assert time.perf_counter() - start < 1.0
