"""Submits checkpoints to a witness (C2SP tlog-witness, add-checkpoint)."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence

from gateway.client.posting import post
from gateway.errors import Busy, GatewayError, Malformed, SignatureBroken

_OK, _CONFLICT, _UNPROCESSABLE = 200, 409, 422
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")


class SizeDiffers(GatewayError):
    """The witness saw another size last than the one we named; `size` is what it saw."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the witness last saw the size {size}")
        self.size = size


async def add_checkpoint(
    address: str, old_size: int, proof: Sequence[bytes], note: str, seconds: float
) -> str:
    """The signature lines for a checkpoint.

    `proof` is the consistency proof from `old_size`, empty from 0. SizeDiffers when the witness saw another
    size last, SignatureBroken when it does not believe the proof, Busy when it gives no cosignature now.
    """
    lines = [f"old {old_size}", *(b64encode(each).decode("ascii") for each in proof), "", note]
    body = "\n".join(lines).encode("utf-8")
    answer = await post(f"{address.rstrip('/')}/add-checkpoint", body, "text/plain; charset=utf-8", seconds)
    if answer.status == _CONFLICT:
        found = _SIZE.fullmatch(answer.body)
        if found is None:
            raise Malformed("the witness tells no size")
        raise SizeDiffers(int(found.group(1)))
    if answer.status == _UNPROCESSABLE:
        raise SignatureBroken("the witness found that the trail did not only grow")
    if answer.status != _OK:
        raise Busy(f"the witness answered with HTTP {answer.status}")
    try:
        return answer.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("the answer of the witness is no text") from error
