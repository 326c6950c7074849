import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from threading import get_ident

import pytest

from gateway.declare.bindings import MimeType, Package
from gateway.errors import Incomplete, Malformed
from gateway.stores.threads import HeavyWork
from gateway.transport.body import STEP, Taken, take_body

PACKAGE = Package(type=MimeType("x", {}), root=b"root", root_type=MimeType("y", {}), attachments={})


class Recording:
    """An intake that keeps what it was fed, and fails at an octet if it is told to."""

    def __init__(
        self, fails_at: int | None = None, *, outside: bool = False, fails_last: bool = False
    ) -> None:
        self.fails_at, self.fails_last, self.outside = fails_at, fails_last, outside
        self.fed, self.threads, self.discarded = b"", set[int](), 0

    def feed(self, data: bytes) -> None:
        self.threads.add(get_ident())
        self.fed += data
        if self.fails_at is not None and len(self.fed) > self.fails_at:
            raise Malformed("broken here")

    def finish(self) -> Package:
        if self.fails_last:
            raise Malformed("broken at the end")
        return PACKAGE

    def discard(self) -> None:
        self.discarded += 1


def take(intake: Recording | None, *chunks: bytes | Exception) -> Taken:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    heavy = HeavyWork()
    try:
        return asyncio.run(take_body(body(), intake, heavy))
    finally:
        heavy.close()


def test_without_intake_a_body_is_given_whole() -> None:
    assert take(None, b"ab", b"c") == Taken(body=b"abc", sha256=sha256(b"abc").digest())
    assert take(None) == Taken()


def test_a_short_body_is_fed_at_once_where_it_was_read() -> None:
    intake = Recording()
    found = take(intake, b"ab", b"c")
    assert found == Taken(package=PACKAGE, sha256=sha256(b"abc").digest())
    assert (intake.fed, intake.threads, intake.discarded) == (b"abc", {get_ident()}, 0)


def test_a_long_body_is_fed_in_another_thread() -> None:
    intake, chunks = Recording(outside=True), [bytes([n]) * (STEP // 4) for n in range(9)]
    found = take(intake, *chunks)
    assert intake.fed == b"".join(chunks)
    assert found.sha256 == sha256(intake.fed).digest()
    assert get_ident() not in intake.threads


@pytest.mark.parametrize("size", [3, STEP + 3])
def test_what_is_wrong_is_kept_and_the_rest_is_read(size: int) -> None:
    intake, chunks = Recording(fails_at=1), [b"x" * size] * 3
    found = take(intake, *chunks)
    assert isinstance(found.failure, Malformed)
    assert (found.package, found.sha256) == (None, sha256(b"".join(chunks)).digest())
    assert intake.discarded == 1
    assert len(intake.fed) < 3 * size or size == 3, "nothing is fed after the failure"


def test_a_body_that_ends_too_early_is_a_failure() -> None:
    intake = Recording(fails_last=True)
    assert isinstance(take(intake, b"x").failure, Malformed)
    assert intake.discarded == 1


def test_a_peer_that_leaves_is_no_message() -> None:
    with pytest.raises(Incomplete):
        take(Recording(), b"x", Incomplete("left"))
