"""Tree hashes and proofs against RFC 6962, written down a second time from its recursive text."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from gateway.errors import Defect, SignatureBroken

ENTRIES = [bytes([n]) * n for n in range(40)]
SIZES = range(1, 20)

# Entries and roots of the Certificate Transparency reference tests, for sizes 1 to 8.
KNOWN_ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
KNOWN_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def split(size: int) -> int:
    return max(1 << bit for bit in range(size.bit_length()) if 1 << bit < size)


def mth(entries: list[bytes]) -> bytes:
    """MTH of section 2.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2."""
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), mth(entries[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    assert tree_hash(KNOWN_ENTRIES[:size]).hex() == KNOWN_ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert tree_hash([]) == EMPTY_ROOT == sha256(b"").digest()


@given(st.lists(st.binary(max_size=8), max_size=70), st.integers(0, 70))
def test_appending_in_parts_gives_the_tree_of_the_whole(entries: list[bytes], cut: int) -> None:
    grown = Frontier().extended(entries[:cut]).extended(entries[cut:])
    assert grown.root == mth(entries)
    assert grown.size == len(entries)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_proofs_are_those_of_the_text_and_hold(size: int) -> None:
    entries = ENTRIES[:size]
    for index in range(size):
        proof = inclusion_proof(entries, index)
        assert proof == path(index, entries)
        verify_inclusion(entries[index], index, size, proof, tree_hash(entries))


@pytest.mark.parametrize("size", SIZES)
def test_consistency_proofs_are_those_of_the_text_and_hold(size: int) -> None:
    entries = ENTRIES[:size]
    for old in range(1, size + 1):
        proof = consistency_proof(entries, old)
        assert proof == subproof(old, entries, whole=True)
        verify_consistency(old, size, tree_hash(entries[:old]), tree_hash(entries), proof)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_proofs_hold_for_nothing_else(size: int) -> None:
    entries, root = ENTRIES[:size], tree_hash(ENTRIES[:size])
    for index in range(size):
        proof = inclusion_proof(entries, index)
        wrong = [
            (b"other", index, size, proof, root),
            (entries[index], index, size, proof, leaf_hash(b"other")),
            (entries[index], index, size, [*proof, root], root),
            (entries[index], size, size, proof, root),
            (entries[index], -1, size, proof, root),
        ]
        wrong += [(entries[index], other, size, proof, root) for other in range(size) if other != index]
        if proof:
            wrong.append((entries[index], index, size, proof[:-1], root))
            wrong.append((entries[index], index, size, [bytes(32), *proof[1:]], root))
        for case in wrong:
            with pytest.raises(SignatureBroken):
                verify_inclusion(*case)


@pytest.mark.parametrize("size", SIZES)
def test_consistency_proofs_hold_for_nothing_else(size: int) -> None:
    entries, root = ENTRIES[:size], tree_hash(ENTRIES[:size])
    for old in range(1, size + 1):
        proof, before = consistency_proof(entries, old), tree_hash(entries[:old])
        wrong = [
            (old, size, bytes(32), root, proof),
            (old, size, before, bytes(32), proof),
            (old, size, before, root, [*proof, root]),
            (0, size, before, root, proof),
            (size + 1, size, before, root, proof),
        ]
        if proof:
            wrong.append((old, size, before, root, proof[:-1]))
            wrong.append((old, size, before, root, []))
        for case in wrong:
            with pytest.raises(SignatureBroken):
                verify_consistency(*case)


def test_a_rewritten_past_is_not_consistent() -> None:
    old, new = ENTRIES[:10], [b"forged", *ENTRIES[1:20]]
    with pytest.raises(SignatureBroken):
        verify_consistency(10, 20, tree_hash(old), tree_hash(new), consistency_proof(new, 10))


def test_a_frontier_that_cannot_be() -> None:
    for size, roots in ((1, ()), (3, (b"a",)), (-1, ()), (0, (b"a",))):
        with pytest.raises(Defect):
            Frontier(size, roots)


def test_proofs_of_what_is_not_there() -> None:
    for index in (-1, 5):
        with pytest.raises(Defect):
            inclusion_proof(ENTRIES[:5], index)
    for old in (0, 6):
        with pytest.raises(Defect):
            consistency_proof(ENTRIES[:5], old)
