"""Merkle tree hashes, appending and proofs over a list of entries (RFC 6962 section 2.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from gateway.errors import Defect, SignatureBroken

EMPTY_ROOT = sha256(b"").digest()
HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry of the list."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that must be kept to append: roots of the full subtrees, largest first, one per bit of `size`."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.roots) != self.size.bit_count():
            raise Defect("a frontier needs one hash for each bit set in its size")

    def extended(self, entries: Iterable[bytes]) -> Frontier:
        """The frontier after these entries; each costs two hashes on average."""
        size, roots = self.size, list(self.roots)
        for entry in entries:
            current, bits = leaf_hash(entry), size
            while bits & 1:
                current = node_hash(roots.pop(), current)
                bits >>= 1
            roots.append(current)
            size += 1
        return Frontier(size, tuple(roots))

    @property
    def root(self) -> bytes:
        """The tree hash of all entries so far."""
        return folded(self.roots) if self.roots else EMPTY_ROOT


def tree_hash(entries: Sequence[bytes]) -> bytes:
    """The tree hash of a whole list."""
    return Frontier().extended(entries).root


# --- proofs --------------------------------------------------------------------------------------


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The stretches of the list whose tree hashes are the audit path of `index`, leaf side first."""
    if not 0 <= index < size:
        raise Defect("the index lies outside the list")
    ranges: list[tuple[int, int]] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(old_size: int, size: int) -> list[tuple[int, int]]:
    """The stretches of the list whose tree hashes are the consistency proof of `old_size`, in its order."""
    if not 0 < old_size <= size:
        raise Defect("the old size must lie between 1 and the size of the list")
    ranges: list[tuple[int, int]] = []
    low, high, old, whole = 0, size, old_size, True
    while old != high - low:
        split = _split(high - low)
        if old <= split:
            ranges.append((low + split, high))
            high = low + split
        else:
            ranges.append((low, low + split))
            low, old, whole = low + split, old - split, False
    if not whole:
        ranges.append((low, high))
    return ranges[::-1]


def full_ranges(low: int, high: int) -> list[tuple[int, int]]:
    """The full subtrees, largest first, that a stretch of the list falls into; `low` begins the largest."""
    ranges = []
    while low < high:
        width = 1 << ((high - low).bit_length() - 1)
        ranges.append((low, low + width))
        low += width
    return ranges


def folded(roots: Sequence[bytes]) -> bytes:
    """The tree hash of a stretch from the roots of its full subtrees, largest first; not of none."""
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


def full_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes of nodes of one level."""
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def inclusion_proof(entries: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of the entry at `index` (from 0), leaf side first (RFC 6962 section 2.1.1)."""
    return [tree_hash(entries[low:high]) for low, high in inclusion_ranges(index, len(entries))]


def consistency_proof(entries: Sequence[bytes], old_size: int) -> list[bytes]:
    """Nodes that show the first `old_size` entries unchanged in the list (RFC 6962 section 2.1.2)."""
    return [tree_hash(entries[low:high]) for low, high in consistency_ranges(old_size, len(entries))]


def verify_inclusion(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raise SignatureBroken unless the entry stands at `index` in the tree of `size` and `root`."""
    if not 0 <= index < size:
        raise SignatureBroken("the position lies outside the tree")
    node, last, current = index, size - 1, leaf_hash(entry)
    for sibling in path:
        if last == 0:
            raise SignatureBroken("the inclusion path is too long")
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or current != root:
        raise SignatureBroken("the inclusion path does not lead to the root")


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raise SignatureBroken unless the tree of `new_size` only appends to that of `old_size`."""
    if not 0 < old_size <= new_size:
        raise SignatureBroken("the sizes of the two trees are out of order")
    if old_size == new_size:
        if path or old_root != new_root:
            raise SignatureBroken("two trees of one size differ")
        return
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not nodes:
        raise SignatureBroken("the consistency path is too short")
    if _walk(old_size, new_size, nodes) != (old_root, new_root):
        raise SignatureBroken("the later tree does not contain the earlier one")


def _walk(old_size: int, new_size: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Both roots as the path gives them (RFC 9162 section 2.1.4.2)."""
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = nodes[0]
    for each in nodes[1:]:
        if last == 0:
            raise SignatureBroken("the consistency path is too long")
        if node & 1 or node == last:
            old, new = node_hash(each, old), node_hash(each, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, each)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise SignatureBroken("the consistency path is too short")
    return old, new


def _split(size: int) -> int:
    """The largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)
