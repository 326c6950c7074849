"""Shows the results of a run: a table and a list on the console, junit.xml, report.json and report.html."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from execute import FAILED, PASSED, SKIPPED, Result
from lxml import etree
from page import page, root_cause
from rich.console import Console
from rich.table import Table
from rich.text import Text
from target import BadTargetError


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The results of a run; `known` maps ids of cases that are known to fail to the reason."""

    results: Sequence[Result]
    known: Mapping[str, str]
    seconds: float
    started: datetime

    @property
    def failures(self) -> list[Result]:
        """Failed cases that nobody expected to fail."""
        return [r for r in self.results if r.outcome == FAILED and r.case.id not in self.known]

    @property
    def known_failures(self) -> list[Result]:
        """Failed cases listed as known."""
        return [r for r in self.results if r.outcome == FAILED and r.case.id in self.known]

    @property
    def outdated(self) -> list[str]:
        """Ids listed as known failures that have passed."""
        return [r.case.id for r in self.results if r.outcome == PASSED and r.case.id in self.known]

    def count(self, outcome: str) -> int:
        """How many cases ended so."""
        return sum(result.outcome == outcome for result in self.results)

    def last_line(self) -> str:
        """The totals, in a form that programs rely on."""
        return f"{self.count(PASSED)} passed, {self.count(FAILED)} failed, {self.count(SKIPPED)} skipped"


def read_known(file: Path | None) -> dict[str, str]:
    """The table `[failures]` of known_failures.toml: id = reason. Raises BadTargetError."""
    if file is None:
        return {}
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadTargetError(f"cannot read the known failures in {file}: {error}") from error
    return {str(name): str(reason) for name, reason in found.get("failures", {}).items()}


def show(report: Report, console: Console) -> None:
    """Print the table by transaction, the failures with their reasons, and how often what was skipped."""
    console.print(_table(report))
    _list(console, "Failed", [(r.case.id, " | ".join(r.reasons)) for r in report.failures])
    _list(
        console, "Failed, as known",
        [(r.case.id, report.known[r.case.id]) for r in report.known_failures],
    )  # fmt: skip
    _list(console, "Listed as known failures, but passed", [(name, "") for name in report.outdated])
    reasons = Counter(root_cause(r.reasons[0]) for r in report.results if r.outcome == SKIPPED)
    _list(console, "Skipped", [(str(number), reason) for reason, number in reasons.most_common()])
    console.print(f"{len(report.results)} cases in {report.seconds:.1f} s")


def _table(report: Report) -> Table:
    table = Table("transaction", title="Conformance")
    for name in (PASSED, FAILED, SKIPPED):
        table.add_column(name, justify="right")
    counts = Counter((r.case.transaction, r.outcome) for r in report.results)
    for transaction in sorted({r.case.transaction for r in report.results}, key=_by_number):
        table.add_row(transaction, *(str(counts[transaction, o] or "") for o in (PASSED, FAILED, SKIPPED)))
    return table


def _by_number(transaction: str) -> tuple[str, int]:
    name, _, number = transaction.partition("-")
    return (name, int(number)) if number.isdigit() else (transaction, 0)


def _list(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    if rows:
        console.print(f"\n{title}:")
    for name, text in rows:
        console.print(Text(f"  {name}  {text}".rstrip()), soft_wrap=True)


def write(report: Report, folder: Path) -> None:
    """Write junit.xml, report.json and report.html into `folder`, which is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "junit.xml").write_bytes(_junit(report))
    (folder / "report.json").write_bytes(orjson.dumps(_plain(report), option=orjson.OPT_INDENT_2))
    (folder / "report.html").write_text(
        page(report.results, report.known, report.last_line(), report.started), "utf-8"
    )


def _plain(report: Report) -> dict[str, object]:
    return {
        "started": report.started.astimezone(UTC).isoformat(),
        "seconds": round(report.seconds, 3),
        "passed": report.count(PASSED),
        "failed": report.count(FAILED),
        "skipped": report.count(SKIPPED),
        "known_failures": len(report.known_failures),
        "cases": [
            {
                "id": r.case.id,
                "transaction": r.case.transaction,
                "outcome": r.outcome,
                "reasons": list(r.reasons),
                "known": report.known.get(r.case.id),
                "milliseconds": round(r.seconds * 1000, 1),
            }
            for r in report.results
        ],
    }


def _junit(report: Report) -> bytes:
    suite = etree.Element(
        "testsuite", name="conformance", tests=str(len(report.results)), failures=str(report.count(FAILED)),
        skipped=str(report.count(SKIPPED)), time=f"{report.seconds:.3f}",
    )  # fmt: skip
    for r in report.results:
        case = etree.SubElement(
            suite, "testcase", classname=r.case.transaction, name=r.case.id, time=f"{r.seconds:.4f}"
        )
        if r.outcome != PASSED:
            reason = clean(" | ".join(r.reasons))
            inner = etree.SubElement(case, "skipped" if r.outcome == SKIPPED else "failure", message=reason)
            inner.text = clean("\n".join(r.reasons))
    return etree.tostring(suite, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def clean(text: str) -> str:
    """Text that may stand in XML: without control characters."""
    return "".join(c if c >= " " or c in "\n\t" else "\ufffd" for c in text if c not in "\ufffe\uffff")
