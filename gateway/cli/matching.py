"""`passerelle matching`: train a model, try it on a feed before it decides, measure the quality."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.programs import folder

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
_RANDOM_PAIRS = 400_000

ConfigFile = Annotated[
    Path, typer.Option("--config", help="Installation whose model and national numbers count.")
]
_LINE = 'one record a line: {"person": …, "identity": [value, OID], "demographics": {…}}'


@app.command()
def train(
    labelled: Annotated[
        Path, typer.Option(help=f"{_LINE}. Without person, equal valid national numbers say who is who.")
    ],
    out: Annotated[Path, typer.Option(help="The model to write; it must not exist.")],
    config: ConfigFile = _DEFAULT,
    pairs: Annotated[int, typer.Option(min=1000, help="Random pairs to look at.")] = _RANDOM_PAIRS,
) -> None:
    """Estimate weights and rarities from records; thresholds, policy and placeholders stay as they are."""
    from gateway.cli.feeds import Reading, written  # noqa: PLC0415
    from gateway.matching import estimate  # noqa: PLC0415
    from gateway.matching.trial import known_pairs, random_pairs  # noqa: PLC0415

    reading = Reading.of(config)
    records, labels = reading.read(labelled)
    known = list(known_pairs(records, labels if any(labels) else None))
    model = estimate(known, random_pairs(records, pairs), reading.model)
    written(out, model)
    by = "labels" if any(labels) else "equal national numbers"
    print(f"{len(records)} records, {len(known)} pairs known by {by}: {out}, version {model.version}")


@app.command("try")
def try_(
    model: Annotated[Path, typer.Option(help="The model to try.")],
    feed: Annotated[Path, typer.Option(help=f"Yesterday's registrations in their order, {_LINE}.")],
    config: ConfigFile = _DEFAULT,
    examples: Annotated[int, typer.Option(min=0, help="Changed decisions to explain.")] = 10,
) -> None:
    """Tell how many decisions on a feed would change, and why; nothing of a patient is printed."""
    from gateway.cli.feeds import Reading, compared  # noqa: PLC0415
    from gateway.matching import load_model  # noqa: PLC0415

    reading = Reading.of(config)
    records, _ = reading.read(feed)
    for line in compared(records, reading.model, load_model(model), examples):
        print(line)


@app.command("quality", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def quality(context: typer.Context) -> None:
    """Measure on records whose truth is known (--persons, --registrations, --seed, --febrl, --report, …)."""
    package = "gateway._conformance" if folder().name == "_conformance" else "conformance"
    root = folder().parents[1] if package.startswith("gateway") else folder().parent
    command = [sys.executable, "-m", f"{package}.matching", *context.args]
    paths = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - our own program
    raise typer.Exit(done.returncode)
