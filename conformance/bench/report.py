"""The figures as a table and as JSON, with the machine they were taken on."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
from load import Measured
from rich.console import Console
from rich.table import Table

TARGETS = {"iti18": 600, "iti41": 125, "iti43": 250, "adt": 1000, "pix": 1000, "pdq": 500}
"""Transactions a second for one worker."""


def show(measured: Sequence[Measured], options: argparse.Namespace) -> None:
    """Prints the table."""
    database = "PostgreSQL" if options.database else "SQLite"
    table = Table(
        title=f"{options.entries:,} entries, {options.identities:,} identities, {database}, "
        f"{options.workers} worker(s), "
        f"{options.clients} connections"
    )
    for name in ("kind", "tx/s", "p50 ms", "p95 ms", "p99 ms", "server CPU ms/tx", "RSS MiB", "failed"):
        table.add_column(name, justify="right")
    for each in measured:
        table.add_row(
            each.kind + (" *" if each.ran_out else ""),
            f"{each.rate:,.0f}",
            f"{each.p50:.1f}",
            f"{each.p95:.1f}",
            f"{each.p99:.1f}",
            f"{each.cpu:.2f}",
            f"{each.rss:.0f}",
            str(each.failed),
        )
    console = Console()
    console.print(table)
    if any(each.ran_out for each in measured):
        console.print("* the clients ran out of prepared messages; the rate is too low")


def write_json(path: Path, measured: Sequence[Measured], options: argparse.Namespace) -> None:
    """Writes figures, options and machine."""
    told = {
        "machine": {
            "cores": psutil.cpu_count(),
            "memory_mib": psutil.virtual_memory().total // 1024 // 1024,
            "python": platform.python_version(),
        },
        "options": {name: str(value) for name, value in vars(options).items()},
        "measured": [asdict(each) for each in measured],
    }
    path.write_text(json.dumps(told, indent=2), encoding="utf-8")
