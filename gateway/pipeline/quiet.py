"""An answer that shows nothing does not tell by its time why: it leaves at the next beat (SEED-79).

A record that does not exist is found missing sooner than one is found closed, and that sooner than a refusal
is decided. Whoever measures many answers could tell them apart.
"""

from __future__ import annotations

from gateway.declare.transaction import AnyTransaction
from gateway.pipeline.exchange import Exchange
from gateway.policy.engine import concerns_record


def shows_nothing(x: Exchange) -> bool:
    """Whether a record was asked for in a way that is not refused aloud, and something was not shown."""
    transaction: AnyTransaction | None = x.known("transaction")
    if transaction is None or not transaction.action.silent or x.known("verdict") is None:
        return False
    if not concerns_record(x.principal, transaction.action):
        return False
    return x.known("receipt") is None or x.known("result").bare
