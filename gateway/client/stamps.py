"""Asks a time stamping authority for a stamp (RFC 3161 section 3.4)."""

from __future__ import annotations

from gateway.client.posting import post
from gateway.errors import Busy

_QUERY = "application/timestamp-query"
_OK = 200


async def fetch_stamp(address: str, request: bytes, seconds: float) -> bytes:
    """The reply to a request, unread; Busy when there is none."""
    answer = await post(address, request, _QUERY, seconds)
    if answer.status != _OK:
        raise Busy(f"the authority answered with HTTP {answer.status}")
    return answer.body
