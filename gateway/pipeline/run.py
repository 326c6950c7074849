"""The frame around the stages: opens and closes the unit of work and the audit entry of every exchange."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.declare.bindings import Raw, Sealed
from gateway.errors import (
    Busy,
    Defect,
    Denied,
    GatewayError,
    KeyUnreadable,
    Meaning,
    NoRoom,
    Outdated,
    Problem,
    Refused,
    StoreFull,
)
from gateway.pipeline.emergencies import settle_refused
from gateway.pipeline.engine import Engine, Stage
from gateway.pipeline.exchange import Exchange, WireForm
from gateway.pipeline.later import leave, reply_address
from gateway.pipeline.quiet import shows_nothing
from gateway.pipeline.repeated import Repeated
from gateway.pipeline.telling import tell_failure
from gateway.stores.threads import in_thread
from gateway.stores.work import UnitOfWork

_ATTEMPTS = 5


async def run(raw: Raw, form: WireForm, engine: Engine) -> Sealed:
    """The answer to a message. Never raises: a failure ends as the binding's own refusal, audited once."""
    began = time.monotonic()
    for left in reversed(range(_ATTEMPTS)):
        x = Exchange(raw, form, engine.clock(), engine.new_trace())
        answer = await _attempt(x, engine, last=not left)
        if answer is not None:
            if shows_nothing(x):
                await engine.beat.wait(began)
            _measure(x, engine, time.monotonic() - began)
            return answer
    raise Defect("the last attempt gives an answer")


def _measure(x: Exchange, engine: Engine, seconds: float) -> None:
    transaction = x.known("transaction")
    done = x.known("receipt") is not None
    engine.measure("unknown" if transaction is None else transaction.code, done, seconds)


async def _attempt(x: Exchange, engine: Engine, *, last: bool) -> Sealed | None:
    """The answer; None where another request was faster, nothing was written, and it can be tried again."""
    try:
        await _pass(x, engine, engine.stages)
        answer = x.receipt.sealed
    except Outdated as error:
        return await _refuse(x, engine, error) if last or x.raw.package is not None else None
    except asyncio.CancelledError:
        x.work.rolled_back()
        raise
    except Repeated as repeated:
        return await _repeat(x, engine, repeated)
    except Exception as error:  # noqa: BLE001 - fail closed: whatever went wrong becomes a refusal
        return await _refuse(x, engine, error)
    return answer


async def refuse(
    raw: Raw, form: WireForm, engine: Engine, error: Exception, answer: Sealed | None = None
) -> Sealed:
    """The audited refusal of a message that a transport did not read to its end.

    `answer` is the transport's own, for what came to no wire form: a path or a method that nothing takes.
    """
    x = Exchange(raw, form, engine.clock(), engine.new_trace())
    return await (_refuse(x, engine, error) if answer is None else _close(x, engine, error, answer))


async def _pass(x: Exchange, engine: Engine, stages: Sequence[Stage]) -> None:
    for stage in stages:
        x.stage = stage.__name__
        await stage(x, engine)


async def _repeat(x: Exchange, engine: Engine, repeated: Repeated) -> Sealed:
    """The first answer once more, audited, without a second effect."""
    if repeated.answer is None:
        problem = Problem(Meaning.DUPLICATE_KEY, "this message id came before with other content", "MSH^1^10")
        return await _refuse(x, engine, Refused(problem))
    return await _close(x, engine, repeated, Sealed(pieces=(repeated.answer,)))


async def _refuse(x: Exchange, engine: Engine, error: Exception) -> Sealed:
    """Drops the work, writes the refusal's audit entry, and only then answers.

    Without room in the trail nothing is written any more: what is refused then is counted, and told by number
    when the recording starts again.
    """
    if x.work.on_rollback:
        await in_thread(x.work.rolled_back)
    if not isinstance(error, GatewayError):
        _report(x, engine, error)
        error = Defect("internal error; the operators find it by the trace id")
    if engine.room.refusing:
        engine.room.turn_away()
        engine.log.warning("refused, no room for the audit", trace=x.trace_id, node=_node(x))
        return _answer(x, error, None)
    to = reply_address(x, error, fault=not _in_words_of_profile(x, error))
    return await _close(x, engine, error, _answer(x, error, to), to)


async def _close(
    x: Exchange, engine: Engine, error: Exception, answer: Sealed, to: str | None = None
) -> Sealed:
    work = UnitOfWork(steps=list(x.work.lasting))
    try:
        tell_failure(x, engine, work, error, answer.digest(), to)
        await settle_refused(x, engine, work)
        if to is not None:
            answer = await leave(x, engine, work, answer, to)
        await engine.committer.commit(work)
    except Exception as failure:  # noqa: BLE001 - no audit, no service
        _report(x, engine, failure)
        return _answer(x, Busy("the audit trail cannot be written; nothing was done, try again"), None)
    engine.log.warning("refused", trace=x.trace_id, stage=x.stage, error=type(error).__name__, node=_node(x))
    return answer


def _answer(x: Exchange, error: Exception, to: str | None) -> Sealed:
    """In the words of the profile once the request is known to be one of its own; else as a fault."""
    envelope = x.known("envelope")
    if _in_words_of_profile(x, error):
        reply = _refusal(x, _problems(error, x))
        return x.form.seal(reply, x.transaction, envelope, x.at, x.trace_id, to)
    return x.form.fault(error, x.raw, envelope, x.at, x.trace_id, to)


def _refusal(x: Exchange, problems: tuple[Problem, ...]) -> Any:
    codec = x.transaction.codec
    if codec.refuse_request is None:
        return codec.refuse(problems)
    return codec.refuse_request(problems, x.proven.payload, x.at)


def _in_words_of_profile(x: Exchange, error: Exception) -> bool:
    known = x.known("transaction") is not None
    # A full disk is told before it is known who asks: the signature covers what did not fit.
    known = known and (x.known("principal") is not None or isinstance(error, StoreFull))
    return known and bool(_problems(error, x))


def _problems(error: Exception, x: Exchange) -> tuple[Problem, ...]:
    """Refusals that a profile has codes for; a denied write says no more than that."""
    match error:
        case Refused():
            problems = error.problems
        case Denied():
            problems = (Problem(Meaning.NOT_PERMITTED, error.detail),)
        case NoRoom() if x.form.answers_again:
            # Table 0357 of HL7 v2 knows a locked record, which this is not.
            problems = (Problem(Meaning.OUT_OF_RESOURCES, error.detail),)
        case KeyUnreadable() if x.form.signs_messages:
            problems = (Problem(Meaning.GENERAL, "what is stored cannot be read; the operators know it"),)
        case Busy():
            problems = (Problem(Meaning.BUSY, error.detail),)
        case _:
            return ()
    return tuple(
        each if each.warning else replace(each, context=f"{each.context} [trace {x.trace_id}]")
        for each in problems
    )


def _report(x: Exchange, engine: Engine, error: Exception) -> None:
    """The kind of the error and where it arose; its text could hold patient data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames]
    event = "audit not written" if isinstance(error, GatewayError) else "defect"
    engine.log.error(
        event, trace=x.trace_id, stage=x.stage, error=type(error).__name__, where=where, node=_node(x)
    )


def _node(x: Exchange) -> str | None:
    node = x.known("node")
    return node.name if node is not None else None
