"""Refusals of a medium, in the words of document sharing (ITI TF-3 4.2.4, as in MHD)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.bindings.fhirfault import operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.bindings import FhirReply, Octets
from gateway.errors import Problem
from profiles.mhd.errors import issue_of, outcome_reply

__all__ = ["outcome_reply", "told_reply"]


def told_reply(told: Iterable[tuple[str, str]], warnings: Iterable[Problem]) -> FhirReply:
    """An OperationOutcome of what was done: (where, text) pairs, and the warnings after them."""
    done = [_information(where, text) for where, text in told]
    outcome = operation_outcome(issue_of(each) for each in warnings)
    return FhirReply(200, JSON, Octets(orjson.dumps({**outcome, "issue": [*done, *outcome["issue"]]})))


def _information(where: str, text: str) -> dict[str, Any]:
    return {
        "severity": "information",
        "code": "informational",
        "details": {"text": text},
        "location": [where],
    }
