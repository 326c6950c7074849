"""Callback addresses of a partner, and the replies that are kept for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.record.people import Node

LISTED, EXACT = "https://kis.example:9443/callback", "https://kis.example:9443/one/address"
MESSAGE = ("110113", "message-security", 8)
NODE_ALERT = ("110113", "110126", 8)
GIVEN_UP = ("110113", "reply-given-up", 8)
DELIVERED = ("110100", "reply-delivered", 0)


def endpoint(address: str, more: str = "") -> bytes:
    return f"<wsa:Address>{address}</wsa:Address>{more}".encode()


def to(address: str) -> dict[str, object]:
    return {"ReplyTo": endpoint(address)}


class Listing:
    """The nodes as enrolled, with callback addresses."""

    def __init__(self, nodes: Any, *reply_to: str) -> None:
        self._nodes = nodes
        self._reply_to = reply_to

    def authenticate(self, der: bytes, peer_host: str, now: datetime) -> Node:
        return replace(self._nodes.authenticate(der, peer_host, now), reply_to=self._reply_to)


def kept(forge: Any) -> list[Any]:
    return forge.house._query("SELECT node, address, trace_id, content_type, body FROM outbox ORDER BY key")


def opened(forge: Any) -> bytes:
    """The one reply that waits, in plain."""

    async def read() -> bytes:
        outbox, now = forge.house.gateway.engine.outbox, datetime.now(UTC)
        (due,) = await outbox.due(now)
        reply = await outbox.claim(due.key, now, now + timedelta(seconds=9))
        return bytes(await outbox.open(reply))

    return asyncio.run(read())
