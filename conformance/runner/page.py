"""The readable report: one HTML page without anything to load from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from execute import FAILED, PASSED, SKIPPED, Result

EXCERPT = 6_000
STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --good: #1b6e3c; --known: #8a5a00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); text-align: left; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary b { font-weight: 600; }
pre { overflow: auto; max-height: 24rem; background: #8881; padding: .6rem; font-size: 12.5px; }
.failed { color: var(--bad); } .passed { color: var(--good); } .known { color: var(--known); }
"""


def page(results: Sequence[Result], known: Mapping[str, str], totals: str, started: datetime) -> str:
    """The whole page. Failed cases come with excerpts of request and answer, skipped ones with the reason."""
    failed = [r for r in results if r.outcome == FAILED and r.case.id not in known]
    expected = [r for r in results if r.outcome == FAILED and r.case.id in known]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Conformance report</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}</style><h1>Conformance report</h1>",
        f"<p><b>{escape(totals)}</b>, run of {started.astimezone(UTC):%Y-%m-%d %H:%M} UTC</p>",
        _table(results),
        _section("Failed", [_failure(r, "") for r in failed]),
        _section("Failed, as known", [_failure(r, known[r.case.id]) for r in expected]),
        _section("Skipped", [_skips(results)]),
        _section("Passed", [_passes(results)]),
    ]
    return "\n".join(part for part in parts if part) + "</html>\n"


def _section(title: str, items: Sequence[str]) -> str:
    body = "\n".join(item for item in items if item)
    return f"<h2>{title}</h2>\n{body}" if body else ""


def _table(results: Sequence[Result]) -> str:
    counts = Counter((r.case.transaction, r.outcome) for r in results)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f'<td class="n {o}">{counts[name, o] or ""}</td>' for o in (PASSED, FAILED, SKIPPED))
        + "</tr>"
        for name in dict.fromkeys(r.case.transaction for r in results)
    )
    head = '<th>transaction</th><th class="n">passed</th><th class="n">failed</th><th class="n">skipped</th>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _failure(result: Result, known: str) -> str:
    case = result.case
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in result.reasons)
    note = f"<p>Note of the collection: {escape(case.note)}</p>" if case.note else ""
    mark = f'<p class="known">Known: {escape(known)}</p>' if known else ""
    return (
        f'<details><summary><b class="{"known" if known else FAILED}">{escape(case.id)}</b> '
        f"{escape(case.transaction)}: {escape(result.reasons[0] if result.reasons else '')}</summary>"
        f"<p>{escape(case.title)}</p>{mark}<ul>{reasons}</ul>{note}"
        f"{_excerpt('Request', result.request)}{_excerpt('Answer', result.answer)}</details>"
    )


def _excerpt(title: str, text: str) -> str:
    if not text.strip():
        return ""
    readable = text.replace("\r", "\n")
    cut = f"\n… {len(readable) - EXCERPT} characters more" if len(readable) > EXCERPT else ""
    return f"<h4>{title}</h4><pre>{escape(readable[:EXCERPT])}{cut}</pre>"


def _skips(results: Sequence[Result]) -> str:
    groups: dict[str, list[str]] = {}
    for result in results:
        if result.outcome == SKIPPED:
            groups.setdefault(root_cause(result.reasons[0]), []).append(result.case.id)
    return "".join(
        f"<details><summary>{len(names)} cases: {escape(reason)}</summary>"
        f"<p>{escape(', '.join(names))}</p></details>"
        for reason, names in sorted(groups.items(), key=lambda group: -len(group[1]))
    )


def root_cause(reason: str) -> str:
    """Why the first case of a chain was skipped: that one reason stands for all that need it."""
    return re.sub(r"^precondition .+?: ", "", reason)


def _passes(results: Sequence[Result]) -> str:
    names = [r.case.id for r in results if r.outcome == PASSED]
    listed = escape(", ".join(names))
    return f"<details><summary>{len(names)} cases</summary><p>{listed}</p></details>" if names else ""
