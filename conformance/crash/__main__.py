"""Kills servers at thousands of instants under load, and proves that nothing was lost."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ground
from cluster import programs
from supervise import Found, Supervisor

from gateway.cli.compose import catalogue

DATABASES = ("sqlite", "postgresql")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The options: how many kills, where, how long."""
    parser = argparse.ArgumentParser(prog="passerelle bench crash", description=__doc__)
    parser.add_argument("--points", type=int, default=200, help="kills, over all databases together")
    parser.add_argument(
        "--seconds", type=float, default=86_400.0, help="at most so long, without the last checks"
    )
    parser.add_argument(
        "--database", default=",".join(DATABASES), help="sqlite, postgresql, or both side by side"
    )
    parser.add_argument(
        "--folder", type=Path, help="where installations are made; a temporary one by default"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of instants; 0 takes the time")
    parser.add_argument("--json", type=Path, help="file for the report; written while the run goes on")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Runs, prints, and gives 1 where anything was lost."""
    options = arguments(given)
    chosen = [name for name in options.database.split(",") if name in DATABASES]
    if "postgresql" in chosen and programs() is None:
        print("PostgreSQL is not tried: it is not installed here", file=sys.stderr)
        chosen.remove("postgresql")
    # Everything is imported and read once; the servers are forks of this process.
    catalogue()
    with tempfile.TemporaryDirectory(prefix="passerelle-crash-", dir=options.folder) as name:
        Path(name).chmod(0o755)
        results = _side_by_side(Path(name), chosen, options)
    report = summary(results)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2), encoding="utf-8")
    print(text_of(report))
    return 1 if report["faults"] else 0


def _side_by_side(folder: Path, chosen: Sequence[str], options: argparse.Namespace) -> list[dict]:  # type: ignore[type-arg]
    """A supervisor for each database, in processes of their own; each writes its state into a file."""
    until = time.time() + options.seconds
    share = -(-options.points // max(1, len(chosen)))
    running: dict[int, str] = {}
    for number, name in enumerate(chosen):
        child = os.fork()
        if child == 0:
            os._exit(_one(folder, name, share, until, (options.seed or time.time_ns()) + number))
        running[child] = name
    results: list[dict] = []  # type: ignore[type-arg]
    while running:
        ended, _ = os.waitpid(-1, os.WNOHANG)
        if ended:
            running.pop(ended)
        else:
            time.sleep(0.2)
        results = _states(folder, chosen)
        if options.json and results:
            options.json.write_text(json.dumps(summary(results), indent=2), encoding="utf-8")
    return results


def _states(folder: Path, chosen: Sequence[str]) -> list[dict]:  # type: ignore[type-arg]
    paths = [folder / f"{name}.json" for name in chosen]
    return [json.loads(path.read_bytes()) for path in paths if path.exists()]


def _one(folder: Path, name: str, points: int, until: float, seed: int) -> int:
    """One installation from its first start to its last check."""
    state = folder / f"{name}.json"

    def progress(found: Found) -> None:
        aside = state.with_suffix(".new")
        aside.write_text(json.dumps(found.told()), encoding="utf-8")
        aside.rename(state)

    laid = None
    try:
        laid = ground.lay(folder, name)
        return 1 if Supervisor(laid, seed).run(points, until, progress).faults else 0
    except BaseException as error:  # noqa: BLE001 - the frame of a process; the report must tell of it
        found = Found(name, faults=[f"the run failed: {type(error).__name__}: {error}"])
        progress(found)
        traceback.print_exc()
        return 1
    finally:
        if laid is not None and laid.cluster is not None:
            laid.cluster.stop()


def summary(results: Sequence[dict]) -> dict:  # type: ignore[type-arg]
    """All installations together."""
    return {
        "kill_points": sum(each["kill_points"] for each in results),
        "points_per_minute": round(sum(each["points_per_minute"] for each in results), 1),
        "finished": bool(results) and all(each["finished"] for each in results),
        "faults": [f"{each['database']}: {fault}" for each in results for fault in each["faults"]],
        "installations": list(results),
    }


def text_of(report: dict) -> str:  # type: ignore[type-arg]
    """For a person."""
    end = "" if report["finished"] else ", NOT FINISHED"
    rate, faults = report["points_per_minute"], len(report["faults"])
    lines = [f"{report['kill_points']} kill points, {rate} a minute, {faults} faults{end}"]
    for each in report["installations"]:
        lines.append(
            f"{each['database']}: {each['kill_points']} kills in {each['seconds']} s ({each['kinds']})"
        )
        lines.append(
            f"  restart {each['restart_ms_median']} ms, {each['passes']} passes, "
            f"{each['sealed']} rows sealed, {each['forwarded']} forwarded "
            f"({each['forwarded_repeatedly']} more than once), {each['orphan_blobs']} blobs swept"
        )
        lines.append(f"  {each['counts']}")
    return "\n".join([*lines, *(f"FAULT {each}" for each in report["faults"])])


if __name__ == "__main__":
    sys.exit(main())
