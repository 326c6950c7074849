"""A flood of failed connections is told in full or in sum, and costs a bounded number of rows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.cli.alarms import MOST_AT_ONCE, Alarms
from gateway.transport.gate import Failure, Peer

PEER = Peer(host="127.0.0.1", port=1)


async def flood(house: Any, number: int) -> None:
    alarms = Alarms(house.gateway)
    for _ in range(number):
        alarms.failure(PEER, Failure.NO_CERTIFICATE, "test")
    await alarms.finish()


@pytest.mark.parametrize(("number", "rows"), [(1, 1), (MOST_AT_ONCE, MOST_AT_ONCE), (500, MOST_AT_ONCE + 1)])
def test_alarms_above_the_bound_are_counted_in_one_row(house: Any, number: int, rows: int) -> None:
    before = house.audit_rows()
    asyncio.run(flood(house, number))
    assert house.audit_rows() - before == rows
    if number > MOST_AT_ONCE:
        (text,) = house._query("SELECT message FROM audit ORDER BY id DESC LIMIT 1")[0]
        assert f"{number - MOST_AT_ONCE} further alarms" in text
