"""Fail closed: for every transaction and every stage, a stage that raises or is missing ends in a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.cli.compose import catalogue
from gateway.declare.bindings import Raw, Sealed
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Defect
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.stages import STAGES

TRANSACTIONS = tuple(catalogue().transactions())
NAMES = [stage.__name__ for stage in STAGES]
House = Any
MessageOf = Callable[[House, AnyTransaction], tuple[str, Raw]]


def label(transaction: AnyTransaction) -> str:
    triggers = getattr(transaction.binding, "triggers", (getattr(transaction.binding, "method", ""),))
    return f"{transaction.code}{triggers[0] and '-' + triggers[0]}"


def succeeded(form: str, answer: Sealed) -> bool:
    body = b"".join(answer.pieces)
    if form == "fhir":
        return answer.status < 300
    if form == "oauth":
        return answer.status == 200
    if form == "persons":
        return answer.status == 302 and "code=" in answer.headers["location"]
    if form == "trust":
        return answer.status == 200 and b"RequestedSecurityToken>" in body
    if form == "hl7v2":
        return b"\rMSA|AA" in body
    good = (
        b"ResponseStatusType:Success",
        b"PartialSuccess",
        b'Code code="AA"',
        b'Code code="CA"',
        b'Code code="0"',
    )
    return answer.status == 200 and any(each in body for each in (*good, b"<PatientLocationResponse>"))


def test_the_order_is_the_one_that_was_decided() -> None:
    assert NAMES == [
        "authenticate_node",
        "open_envelope",
        "match_transaction",
        "verify_signature",
        "identify_user",
        "decode_request",
        "authorize",
        "handle",
        "encode_reply",
        "sign_reply",
        "commit",
    ]


@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=label)
def test_a_valid_message_succeeds_and_is_audited(
    ready: House, message_of: MessageOf, transaction: AnyTransaction
) -> None:
    form, raw = message_of(ready, transaction)
    before = ready.audit_rows()
    answer = asyncio.run(ready.call(form, raw))
    refused = ":Deferred:" in getattr(transaction.binding, "action", "")
    assert succeeded(form, answer) is not refused, b"".join(answer.pieces)[:2000]
    rows = ready.audit_rows() - before
    assert rows == (2 if merges(transaction) else 1)


def merges(transaction: AnyTransaction) -> bool:
    told = getattr(transaction.binding, "action", "")
    return "A40" in getattr(transaction.binding, "triggers", ()) or told.endswith("PRPA_IN201304UV02")


def broken(name: str) -> Any:
    async def stage(x: Exchange, engine: Engine) -> None:  # noqa: ARG001
        raise Defect("a stage that raises")

    stage.__name__ = name
    return stage


@pytest.mark.parametrize("stage", NAMES)
@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=label)
def test_a_stage_that_raises_ends_in_a_refusal(
    ready: House, message_of: MessageOf, transaction: AnyTransaction, stage: str
) -> None:
    stages = [broken(stage) if each.__name__ == stage else each for each in STAGES]
    check_refused(ready, message_of, transaction, replace(ready.gateway.engine, stages=stages))


@pytest.mark.parametrize("stage", NAMES)
@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=label)
def test_a_stage_that_is_missing_never_ends_in_success(
    ready: House, message_of: MessageOf, transaction: AnyTransaction, stage: str
) -> None:
    stages = [each for each in STAGES if each.__name__ != stage]
    check_refused(ready, message_of, transaction, replace(ready.gateway.engine, stages=stages))


def check_refused(ready: House, message_of: MessageOf, transaction: AnyTransaction, engine: Engine) -> None:
    form, raw = message_of(ready, transaction)
    state, rows = ready.state(), ready.audit_rows()
    answer = asyncio.run(ready.call(form, raw, engine))
    assert not succeeded(form, answer)
    assert ready.state() == state, "a refused message left something behind"
    assert ready.audit_rows() == rows + 1, "exactly one audit entry"
