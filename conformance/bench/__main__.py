"""Measures transactions through the full pipeline over real sockets (`passerelle bench run`)."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import arrivals
import audit
import denied
import identity
import large
import rights
import trail
import watching
from load import FASTEST, Load, Measured
from messages import KINDS, OF_PERSONS, Workshop
from population import populate
from report import show, write_json

from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.config import Settings
from gateway.stores.migrate import upgrade

PATIENTS_FED = 40
DOCUMENTS_STORED = 40


def arguments() -> argparse.Namespace:
    """The options of design: what, how many, how long."""
    parser = argparse.ArgumentParser(prog="passerelle bench run", description=__doc__)
    parser.add_argument(
        "--only",
        default=",".join(KINDS),
        help=f"of {', '.join(KINDS)}; or large, identity, rights, denied, syslog, trail, audit, watch",
    )
    parser.add_argument(
        "--entries",
        type=int,
        default=10_000,
        help="document entries in the registry; of --only trail, events",
    )
    parser.add_argument("--workers", type=int, default=1, help="server processes")
    parser.add_argument("--clients", type=int, default=8, help="connections, in processes of their own")
    parser.add_argument("--seconds", type=float, default=8.0, help="measured time for each kind")
    parser.add_argument("--database", default="", help="postgresql://… instead of SQLite")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the document of --only large")
    parser.add_argument("--identities", type=int, default=100_000, help="in the index of patients")
    parser.add_argument("--queries", type=int, default=500, help="of each kind, for --only identity")
    parser.add_argument("--patients", type=int, default=700_000, help="for --only rights")
    parser.add_argument("--directives", type=int, default=1_000_000, help="of consent, for --only rights")
    parser.add_argument("--samples", type=int, default=200, help="of each case, for --only denied")
    parser.add_argument("--messages", type=int, default=50_000, help="in all, for --only syslog")
    parser.add_argument("--rate", type=int, default=600, help="audit rows a second, for --only watch")
    parser.add_argument("--alone", action="store_true", help="large: without queries beside it")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--keep", type=Path, help="folder that keeps the population for another run")
    return parser.parse_args()


def _apart(settings: Settings, config: Path, options: argparse.Namespace) -> int | None:
    """What is measured in a way of its own; None for the rest. Gives the exit code."""
    match options.only:
        case "identity":
            identity.run(settings, options)
        case "rights":
            rights.run(settings, options)
        case "trail":
            trail.run(config, options)
        case "watch":
            watching.run(settings, options)
        case "syslog":
            with serving(config, workers=options.workers) as server:
                kept = arrivals.measure(settings, server.pid, options.clients, options.messages)
            arrivals.show(kept)
            return int(kept.kept != kept.sent)
        case "denied":
            with serving(config, workers=options.workers):
                denied.run(config, options, config.parent.parent)
        case _:
            return None
    return 0


def main() -> int:
    """Prepares a system, measures each kind, prints the table."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="passerelle-bench-") as name:
        home = (options.keep or Path(name)) / "system"
        config = home / "passerelle.toml"
        if not config.exists():
            changes = {"database.url": f'"{options.database}"'} if options.database else {}
            prepare(home, changes)
        settings = load_settings(config)
        upgrade(settings.database.url)
        if (code := _apart(settings, config, options)) is not None:
            return code
        with serving(config):
            workshop = Workshop.open(settings, PATIENTS_FED, DOCUMENTS_STORED)
        if options.only == "large":
            with serving(config, workers=options.workers) as server:
                large.show(
                    large.measure(settings, workshop, server.pid, options.size, beside=not options.alone)
                )
            return 0
        patients = populate(settings, workshop.pattern, options.entries)
        if options.only == "audit":
            audit.show(settings, workshop, patients, options)
            return 0
        _kinds(settings, config, workshop, patients, options)
    return 0


def _kinds(
    settings: Settings,
    config: Path,
    workshop: Workshop,
    patients: Sequence[str],
    options: argparse.Namespace,
) -> None:
    """The table of transactions, each on a server that was started for it."""
    kinds = options.only.split(",")
    if unknown := [each for each in kinds if each not in FASTEST]:
        sys.exit(f"alone only, or not at all: {', '.join(unknown)}")
    if OF_PERSONS.intersection(kinds):
        workshop = replace(workshop, people=identity.populated(settings, options.identities))
    measured: list[Measured] = []
    for kind in kinds:
        with serving(config, workers=options.workers) as server:
            load = Load(settings, workshop, server.pid, options.clients, options.seconds)
            measured.append(load.run(kind, patients))
    show(measured, options)
    if options.json:
        write_json(options.json, measured, options)


if __name__ == "__main__":
    sys.exit(main())
