"""`passerelle media`: import a medium, export one, look at one (ITI-32)."""

from __future__ import annotations

import asyncio
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.calls import ConfigFile, Partner, Patient, Role

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
_LISTING = "profiles.xdm.wire.listing"
"""Loaded by name, as the profiles are: the engine imports none."""


@app.command("import")
def import_(
    medium: Annotated[Path, typer.Argument(help="A medium as a ZIP file.")],
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
    role: Role = "physician",
) -> None:
    """Import a medium: every submission set on it, or nothing; tell what became of each."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    acting = Acting.of(config, partner, role)
    for line in asyncio.run(acting.import_medium(medium.read_bytes())):
        print(line)


@app.command("export")
def export(
    patient: Patient,
    out: Annotated[Path, typer.Option(help="The ZIP file to write.")],
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
    role: Role = "physician",
    document: Annotated[list[str] | None, typer.Option(help="Only this uniqueId; may be repeated.")] = None,
    institution: Annotated[str, typer.Option(help="Who hands the medium out; default the partner.")] = "",
) -> None:
    """Write a medium with the documents of a patient that the rights let this person read."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    acting = Acting.of(config, partner, role)
    data = asyncio.run(acting.export_medium(patient, document or (), institution))
    out.write_bytes(data)
    print(f"{len(data)} octets written to {out}")


@app.command("check")
def check(medium: Annotated[Path, typer.Argument(help="A medium as a ZIP file.")]) -> None:
    """Read a medium without any server: list what is on it, compare hash and size of every document."""
    with medium.open("rb") as file:
        lines, whole = import_module(_LISTING).listing(file)
    print("\n".join(lines))
    raise typer.Exit(0 if whole else 1)
