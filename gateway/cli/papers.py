"""Has papers stamped by the authority of the trail's stamps (RFC 3161), where one is set and answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.client.stamps import fetch_stamp
from gateway.config.trail import Stamps
from gateway.crypto.keys import Signer, load_certificates
from gateway.crypto.stamp import Stamped, accept, ask
from gateway.errors import GatewayError, TooLarge
from gateway.paper.hand import LONGEST_STAMP, Hand
from gateway.pipeline.engine import Log

_CLOCKS_DIFFER = timedelta(seconds=60)


async def stamp_of(told: Stamps, data: bytes, now: Callable[[], datetime]) -> tuple[bytes, Stamped]:
    """A verified token over octets, and what it shows; a GatewayError when none is to be had."""
    asked = ask(data, told.policy)
    reply = await fetch_stamp(told.url or "", asked.request, told.timeout_seconds)
    # Read each time: a new file counts at once.
    trust = [] if told.trust is None else load_certificates(told.trust.read_bytes())
    return accept(reply, asked, trust, now(), _CLOCKS_DIFFER)


def hand_of(told: Stamps, signer: Signer, now: Callable[[], datetime], log: Log) -> Hand:
    """Who signs papers here."""
    return Hand(signer, None if told.url is None else PaperStamps(told, now, log))


@dataclass(slots=True)
class PaperStamps:
    """Stamps for papers, which are made without where there is none: the operators are told.

    After a failure the authority is left alone for `every_seconds`, so that readers do not wait for it.
    """

    told: Stamps
    now: Callable[[], datetime]
    log: Log
    _again: float = 0.0

    async def __call__(self, data: bytes) -> bytes | None:
        """A verified token over octets, or None."""
        if time.monotonic() < self._again:
            self._tell("it failed a moment ago")
            return None
        try:
            token, _ = await stamp_of(self.told, data, self.now)
            if len(token) > LONGEST_STAMP:
                raise TooLarge(f"the stamp has more than {LONGEST_STAMP} bytes")
        except GatewayError as error:
            self._again = time.monotonic() + self.told.every_seconds
            self._tell(error.detail)
            return None
        return token

    def _tell(self, reason: str) -> None:
        self.log.warning("paper without time stamp", by=self.told.url, reason=reason)
