"""How many exchanges there were, and how long they took: by transaction and outcome, nothing of whom."""

from __future__ import annotations

from functools import cache

from prometheus_client import Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_EXCHANGES = Histogram(
    "passerelle_exchange_seconds",
    "Exchanges by transaction and outcome, and how long they took until the answer.",
    ["transaction", "outcome"],
    buckets=_SECONDS,
)


def measure(transaction: str, done: bool, seconds: float) -> None:  # noqa: FBT001 - as the engine calls it
    """Takes one exchange."""
    _of(transaction, "done" if done else "refused").observe(seconds)


@cache
def _of(transaction: str, outcome: str) -> Histogram:
    """The library makes names of labels anew with each look; there are a few dozen of them."""
    return _EXCHANGES.labels(transaction, outcome)
