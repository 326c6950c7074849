"""`passerelle conformance` and `passerelle bench`: programs that talk to a system over the wire."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import SettingsInvalid

conformance = typer.Typer(no_args_is_help=True)
bench = typer.Typer(no_args_is_help=True)


@conformance.callback()
def _conformance() -> None:
    """Keeps `run` a command of its own."""


def folder() -> Path:
    """The black-box programs, in a checkout or in the wheel."""
    package = Path(__file__).parents[1]
    checkout = package.parent / "conformance"
    return checkout if checkout.is_dir() else package / "_conformance"


@conformance.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_conformance(
    context: typer.Context,
    cases: Annotated[
        Path | None, typer.Option(help="cases.jsonl; default the set shipped with the product.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="self, the configuration folder of a running system, or its https URL.")
    ] = "self",
    domain: Annotated[
        list[str] | None,
        typer.Option(help="A further domain of patient identifiers, NAMESPACE=OID; repeat for more."),
    ] = None,
) -> None:
    """Run cases against a system; further options go to the runner (--only, --case, --report, --known).

    For a system known by its URL only, name --certificate, --key, --trust and --endpoints yourself.
    """
    command = [sys.executable, str(folder() / "runner"), "--cases", str(cases or folder() / "cases.jsonl")]
    roots = dict(each.split("=", 1) for each in domain or ())
    command += [f"--domain={name}" for pair in roots.items() for name in pair]
    if target.startswith("https://"):
        command += ["--target", target, *context.args]
        raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own program
    with _target(target, roots) as home:
        command += [*_options(home), *context.args]
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - our own program
    raise typer.Exit(code)


def _options(home: Path) -> list[str]:
    """What the runner needs of a system whose configuration folder is at hand."""
    told = _endpoints(home)
    files = {
        "--endpoints": _written(home, told),
        "--certificate": home / "pki/clients/tester.pem",
        "--key": home / "pki/clients/tester.key",
        "--trust": home / "pki/trust.pem",
        "--issuer-key": home / "pki/issuer.key",
        "--issuer-certificate": home / "pki/issuer.pem",
    }
    values = {"--issuer": told["issuer"], "--audience": told["audience"], "--role": "TESTER^^2.999.1.1"}
    return [str(part) for pair in (files | values).items() for part in pair]


@bench.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_bench(context: typer.Context) -> None:
    """Measure a system started for it (--only, --entries, --workers, --clients, --seconds, --json)."""
    command = [sys.executable, str(folder() / "bench"), *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own program


@bench.command("crash", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_crashes(context: typer.Context) -> None:
    """Kill servers under load and check that nothing is lost (--points, --seconds, --database, --json)."""
    command = [sys.executable, str(folder() / "crash"), *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own program


@contextlib.contextmanager
def _target(target: str, roots: Mapping[str, str]) -> Iterator[Path]:
    """The folder of the system under test; `self` is made, started and taken away again.

    `roots` are further domains of patient identifiers, OID by namespace, for a system that is made here.
    """
    if target != "self":
        yield Path(target)
        return
    with (
        tempfile.TemporaryDirectory(prefix="passerelle-") as name,
        running(Path(name) / "system", roots=roots) as home,
    ):
        yield home


@contextlib.contextmanager
def running(home: Path, workers: int = 1, roots: Mapping[str, str] | None = None) -> Iterator[Path]:
    """A new installation in a folder, serving on free ports until the block ends."""
    from gateway.cli.started import started  # noqa: PLC0415

    changes = {f"domain.patient_roots.{name}": f'"{oid}"' for name, oid in (roots or {}).items()}
    with started(home, workers=workers, changes=changes):
        yield home


def _endpoints(home: Path) -> dict[str, object]:
    from gateway.cli.endpoints import endpoints_of  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(home / "passerelle.toml")
    if not settings.assertions.issuers:
        raise SettingsInvalid("the system has no issuer of assertions")
    return {**endpoints_of(settings), "issuer": settings.assertions.issuers[0].entity_id}


def _written(home: Path, told: dict[str, object]) -> Path:
    path = home / "endpoints.json"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(told, file)
    return path
