"""Asks time servers how far our clock is from theirs (RFC 5905, as a client; ITI-1)."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence
from statistics import median

import ntplib

NTP_PORT = 123
_UNSYNCHRONISED, _SERVER, _STRATUM_LIMIT = 3, 4, 16
_SLACK = 0.01


async def measured_offset(servers: Sequence[str], seconds: float) -> float | None:
    """How many seconds our clock must be put forward, the median of all servers; None when none answers."""
    answers = await asyncio.gather(*(asyncio.to_thread(_offset, each, seconds) for each in servers))
    offsets = [each for each in answers if each is not None]
    return median(offsets) if offsets else None


def _offset(server: str, seconds: float) -> float | None:
    """That of one server; None when it does not answer, or does not know the time itself."""
    host, port = _split(server)
    sent = time.time()
    try:
        answer = ntplib.NTPClient().request(host, version=4, port=port, timeout=seconds)
    except (ntplib.NTPException, OSError, struct.error):
        return None
    asked_then = sent - _SLACK <= answer.orig_time <= time.time() + _SLACK
    synchronised = answer.leap != _UNSYNCHRONISED and 0 < answer.stratum < _STRATUM_LIMIT
    return float(answer.offset) if asked_then and synchronised and answer.mode == _SERVER else None


def _split(server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    if not colon or host.endswith(":") or (host.startswith("[") and not host.endswith("]")):
        return server.strip("[]"), NTP_PORT
    return host.strip("[]"), int(port)
