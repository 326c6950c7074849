from hashlib import sha1, sha256

from gateway.stores.content import Measured, Meter, Octets, measure


def test_octets_in_memory_are_read_again_and_again() -> None:
    content = Octets(b"abc")
    assert (content.size, list(content.chunks()), list(content.chunks())) == (3, [b"abc"], [b"abc"])


def test_a_meter_tells_what_passed_so_far() -> None:
    meter = Meter()
    empty = meter.measured
    meter.update(memoryview(b"ab"))
    meter.update(b"c")
    expected = Measured(sha1(b"abc").hexdigest(), sha256(b"abc").hexdigest(), 3)  # noqa: S324 - as XDS has it
    assert meter.measured == measure([b"a", b"", b"bc"]) == expected
    assert empty == measure([]) != expected
