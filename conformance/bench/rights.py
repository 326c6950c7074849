"""What a decision costs in a country: the engine alone, and the whole stage with its reads (P1 to P10).

In the process, on the database of an installation: no wire form, no audit. And how long a simulation takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

from country import AFFINITY, Country, fill
from rich.console import Console
from rich.table import Table

from gateway.cli.compose import Gateway, compose
from gateway.config import Settings
from gateway.declare.actions import Action
from gateway.declare.transaction import Target
from gateway.pipeline.authorize import decide
from gateway.policy.matrix import compile_policy, read_files
from gateway.policy.model import Policy
from gateway.policy.question import Question, answer, rights_of
from gateway.policy.receipt import Answered, write_receipt
from gateway.policy.simulate import Group, simulate
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.stores.counting import RegistryCounts

TARGET = 50.0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Microseconds for one call: of CPU on average, of wall clock at most for half and nearly all of them."""

    what: str
    calls: int
    cpu: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One professional who looks for documents of one patient."""

    question: Question
    patient: PatientId


def run(settings: Settings, options: argparse.Namespace) -> None:
    """Fills the database once, measures, prints the table, writes the file that is asked for."""
    country = Country(patients=options.patients, directives=options.directives)
    fill(settings, country)
    figures, reasons, told = asyncio.run(_measured(settings, country, options.queries * 20))
    _show(figures, country, reasons, told)
    if options.json:
        content = {"country": asdict(country), "reasons": reasons, "figures": [asdict(f) for f in figures]}
        options.json.write_text(json.dumps(content, indent=2), encoding="utf-8")


async def _measured(
    settings: Settings, country: Country, calls: int
) -> tuple[list[Figures], dict[str, int], str]:
    gateway = compose(settings)
    try:
        asked = [_asked(country, random.Random(number)) for number in range(calls)]  # noqa: S311 - no secret
        found = await _decisions(gateway, asked)
        simulated = await _simulated(gateway, settings)
        return (*found, simulated)
    finally:
        await gateway.close()


def _asked(country: Country, draw: random.Random) -> Asked:
    subject = country.professional(draw)
    role, organisation = country.works_as(subject)
    who = Principal(
        kind=SubjectKind.PROFESSIONAL,
        subject=subject,
        name="Dr",
        issuer="https://idp.example",
        role=Code(role, "2.999.1.1"),
        organisation=organisation,
        purpose=Code("TREAT", "2.16.840.1.113883.5.8"),
        confirmation="holder-of-key",
        token_id=None,
        token_digest=None,
        expires=None,
    )
    question = Question(principal=who, action=Action.DOCUMENT_QUERY, at=datetime.now(UTC))
    return Asked(question, PatientId(country.patient(draw), AFFINITY))


async def _decisions(gateway: Gateway, asked: list[Asked]) -> tuple[list[Figures], dict[str, int]]:
    engine = gateway.engine
    policy = await engine.policies.in_force()
    records = [await engine.services.patients.find(each.patient) for each in asked]
    texts = [record.rights if record is not None else () for record in records]
    alone, reading, receipts, stage = [], [], [], []
    reasons: Counter[str] = Counter()
    for each, text in zip(asked, texts, strict=True):
        rights = rights_of(text)
        decision = answer(each.question, policy, rights, each.patient)
        reasons[decision.reason] += 1
        told = [Answered(each.patient, decision, ((1 << 60, 1),))]
        target = Target(patients=(each.patient,))
        who, at = each.question.principal, each.question.at
        alone.append(partial(answer, each.question, policy, rights, each.patient))
        reading.append(partial(_read, each, policy, text))
        receipts.append(partial(write_receipt, each.question, told, ()))
        stage.append(partial(decide, who, Action.DOCUMENT_QUERY, target, engine, at))
    return [
        _measure("the engine alone", alone),
        _measure("with the patient's decisions, read from their text", reading),
        await _measure_awaited("the whole stage, with its reads", stage),
        _measure("the receipt with its inputs", receipts),
    ], dict(reasons)


def _read(each: Asked, policy: Policy, text: Sequence[str]) -> object:
    return answer(each.question, policy, rights_of(text), each.patient)


def _measure(what: str, calls: Sequence[Callable[[], object]]) -> Figures:
    begin, taken = time.process_time(), []
    for call in calls:
        at = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - at)
    return _figures(what, taken, time.process_time() - begin)


async def _measure_awaited(what: str, calls: Sequence[Callable[[], Awaitable[object]]]) -> Figures:
    begin, taken = time.process_time(), []
    for call in calls:
        at = time.perf_counter_ns()
        await call()
        taken.append(time.perf_counter_ns() - at)
    return _figures(what, taken, time.process_time() - begin)


def _figures(what: str, taken: list[int], cpu: float) -> Figures:
    ordered = sorted(each / 1_000 for each in taken)
    return Figures(
        what=what,
        calls=len(ordered),
        cpu=cpu * 1e6 / len(ordered),
        p50=ordered[len(ordered) // 2],
        p99=ordered[len(ordered) * 99 // 100],
    )


async def _simulated(gateway: Gateway, settings: Settings) -> str:
    """A policy that takes summaries from nurses, over all documents."""
    files = read_files(settings.policy.directory)
    narrow = files["matrix.toml"].replace(b'["@summaries", "@medication", "@laboratory"]', b'["@medication"]')
    before, after = (
        compile_policy({**files, "matrix.toml": matrix}, environment=settings.environment)
        for matrix in (files["matrix.toml"], narrow)
    )
    counts, begin = RegistryCounts(gateway.database), time.perf_counter()
    groups = [Group(*each) for each in await counts.documents()]
    effects = await simulate(before, after, groups, counts.patients)
    lost, taken = max(each.lost for each in effects), time.perf_counter() - begin
    number = sum(each.documents for each in groups)
    return f"simulation over {number:,} documents: {taken:.2f} s, {lost:,} would become invisible to a role"


def _show(figures: list[Figures], country: Country, reasons: dict[str, int], told: str) -> None:
    table = Table(
        title=f"{country.patients:,} patients, {country.directives:,} directives, "
        f"{country.professionals:,} professionals, {country.organisations:,} organisations"
    )
    for name in ("µs for one", "calls", "CPU", "p50", "p99"):
        table.add_column(name, justify="left" if name.startswith("µs") else "right")
    for each in figures:
        table.add_row(each.what, f"{each.calls:,}", f"{each.cpu:.1f}", f"{each.p50:.1f}", f"{each.p99:.1f}")
    console = Console()
    console.print(table)
    console.print(f"decided: {', '.join(f'{name} {count:,}' for name, count in sorted(reasons.items()))}")
    console.print(told)
    console.print(f"target: a decision below {TARGET:.0f} µs")
