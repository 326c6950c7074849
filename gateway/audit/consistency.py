"""The proof that one checkpoint only appends to another, as a file (RFC 6962 section 2.1.2)."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import orjson

from gateway.audit import checkpoint
from gateway.crypto.keys import fingerprint
from gateway.crypto.merkle import verify_consistency
from gateway.errors import Malformed, SignerRefused

VERSION, KIND = 1, "passerelle-consistency"


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Two signed notes, and the nodes between them."""

    old: str
    new: str
    path: Sequence[bytes]

    def verify(self, certificates: Sequence[bytes]) -> tuple[checkpoint.Checkpoint, checkpoint.Checkpoint]:
        """Both checkpoints; SignatureBroken or SignerRefused unless the new one appends to the old one."""
        old = checkpoint.verify_any(self.old, certificates)
        new = checkpoint.verify_any(self.new, certificates)
        if old.origin != new.origin:
            raise SignerRefused("the checkpoints are of two logs")
        if old.size or self.path:
            verify_consistency(old.size, new.size, old.root, new.root, self.path)
        return old, new

    def write(self, certificates: Sequence[bytes]) -> bytes:
        """The proof as JSON, with the certificates (DER) that may have signed."""
        return orjson.dumps(
            {
                "type": KIND,
                "version": VERSION,
                "old": self.old,
                "new": self.new,
                "path": [each.hex() for each in self.path],
                "certificates": [b64encode(each).decode("ascii") for each in certificates],
            },
            option=orjson.OPT_INDENT_2,
        )

    @classmethod
    def read(cls, data: bytes, trusted: Collection[str] | None = None) -> tuple[Self, list[bytes]]:
        """The proof of a file, and the certificates in it that are trusted (fingerprints; None: all)."""
        try:
            fields = orjson.loads(data)
            kind = (fields["type"], fields["version"])
            ders = [b64decode(each, validate=True) for each in fields["certificates"]]
            path = [bytes.fromhex(each) for each in fields["path"]]
            found = cls(str(fields["old"]), str(fields["new"]), path)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error) as error:
            raise Malformed("the proof cannot be read") from error
        if kind != (KIND, VERSION):
            raise Malformed(f"the proof is not of version {VERSION}")
        return found, [each for each in ders if trusted is None or fingerprint(each) in trusted]


def is_consistency(head: bytes) -> bool:
    """Whether a file that begins so is such a proof."""
    return f'"type": "{KIND}"'.encode() in head[:200]
