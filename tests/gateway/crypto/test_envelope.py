import os
from collections.abc import Callable, Sequence

import pytest
from cryptography.exceptions import InvalidTag

from gateway.crypto import envelope
from gateway.crypto.envelope import CHUNK, Sealer, open_chunks, seal_chunks, sealed_size
from gateway.errors import Defect

KEY, NAME = os.urandom(32), b"blob"
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7]


def opened(chunks: Sequence[bytes], key: bytes = KEY, name: bytes = NAME) -> bytes:
    return b"".join(open_chunks(key, name, chunks))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [777, CHUNK, 5 * CHUNK])
def test_any_cut_is_sealed_to_the_same(size: int, step: int) -> None:
    data = os.urandom(size)
    sealer = Sealer(KEY, NAME)
    found = [chunk for at in range(0, size, step) for chunk in sealer.seal(memoryview(data)[at : at + step])]
    found.append(sealer.last())
    assert found == list(seal_chunks(KEY, NAME, [data]))
    assert opened(found) == data
    assert sum(map(len, found)) == sealed_size(size)


CHANGES: list[Callable[[list[bytes]], list[bytes]]] = [
    lambda chunks: chunks[:-1],
    lambda chunks: [*chunks, chunks[-1]],
    lambda chunks: [chunks[1], chunks[0], *chunks[2:]],
    lambda chunks: [*chunks[:-1], chunks[-1][:-1]],
    lambda chunks: [bytes([chunks[0][0] ^ 1]) + chunks[0][1:], *chunks[1:]],
    lambda _: [],
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_chunks_do_not_open(change: Callable[[list[bytes]], list[bytes]]) -> None:
    chunks = list(seal_chunks(KEY, NAME, [bytes(2 * CHUNK + 5)]))
    with pytest.raises(InvalidTag):
        opened(change(chunks))


def test_chunks_belong_to_their_blob_and_key() -> None:
    chunks = list(seal_chunks(KEY, NAME, [b"x"]))
    assert opened(chunks) == b"x"
    with pytest.raises(InvalidTag):
        opened(chunks, name=b"other")
    with pytest.raises(InvalidTag):
        opened(chunks, key=envelope.new_document_key())


def test_a_wrapped_key_opens_in_its_context_only() -> None:
    wrapped = envelope.seal_text(KEY, b"document|1", b"k" * 32)
    assert envelope.open_text(KEY, b"document|1", wrapped) == b"k" * 32
    with pytest.raises(Defect):
        envelope.open_text(KEY, b"document|2", wrapped)
