"""Who is refused gets a neutral text and the trace id in every wire form, and nothing of the rules."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

from gateway.policy.model import Policy
from tests.contracts.test_stages import TRANSACTIONS, label

INNER = re.compile(
    rb"PROFILE|CONSENT\b|BLACKLIST|SUBJECT_UNKNOWN|DSP_UNAVAILABLE"
    rb"|\bP\d+ (ok|deny)|matrix\.toml|\+[0-9a-f]{12}\b"
)


class Without:
    """A policy under which no role may do anything."""

    def __init__(self, policy: Policy) -> None:
        roles = {key: replace(rule, may={}) for key, rule in policy.roles.items()}
        self._policy = replace(policy, roles=roles)

    def current(self) -> Policy:
        return self._policy

    async def in_force(self) -> Policy:
        return self._policy


def test_a_refusal_tells_its_trace_and_nothing_of_the_rules(ready: Any, message_of: Any) -> None:
    """Nothing is done for any of them, so that one house is enough for all transactions."""
    engine = ready.gateway.engine
    fenced = replace(engine, policies=Without(engine.policies.current()))
    for transaction in TRANSACTIONS:
        form, raw = message_of(ready, transaction)
        answer = asyncio.run(ready.call(form, raw, fenced))
        (trace,) = ready._query("SELECT trace_id FROM audit ORDER BY id DESC LIMIT 1")[0]
        told = b"".join(answer.pieces) + repr(sorted(answer.headers.items())).encode()
        assert str(trace).encode() in told, (label(transaction), told[:1500])
        assert INNER.search(told) is None, label(transaction)
