"""Frames of syslog are cut strictly, and cost no more memory than what came."""

from __future__ import annotations

import tracemalloc

import pytest

from gateway.errors import Malformed, TooLarge
from gateway.transport.syslog import OctetFramer

LARGEST = 64


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_messages_are_cut_however_they_come(step: int) -> None:
    sent = [b"a", b"12 34", b"x" * LARGEST, b"\x00\n\xff"]
    data = b"".join(b"%d %b" % (len(each), each) for each in sent)
    framer, found = OctetFramer(LARGEST), []
    for start in range(0, len(data), step):
        frames, fault = framer.feed(data[start : start + step])
        found += frames
        assert fault is None
    assert found == sent
    assert not framer.inside


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<85>1 a", Malformed),
        (b"\n", Malformed),
        (b" 1 a", Malformed),
        (b"-1 a", Malformed),
        (b"+1 a", Malformed),
        (b"0 ", Malformed),
        (b"0", Malformed),
        (b"01 a", Malformed),
        (b"1\ta", Malformed),
        (b"1x", Malformed),
        (b"\xd9\xa1 a", Malformed),
        (b"65 ", TooLarge),
        (b"999", TooLarge),
        (b"9999999999", TooLarge),
        (b"9" * 100_000, TooLarge),
    ],
)
def test_what_is_no_length_ends_the_stream(data: bytes, error: type[Exception]) -> None:
    frames, fault = OctetFramer(LARGEST).feed(b"3 abc" + data)
    assert frames == [b"abc"]
    assert isinstance(fault, error)


def test_a_claimed_length_takes_no_memory() -> None:
    framer = OctetFramer(1024 * 1024)
    tracemalloc.start()
    try:
        assert framer.feed(b"1048576 <85>") == ([], None)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()
    assert framer.inside
