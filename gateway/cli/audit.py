"""`passerelle audit`: verify the trail, export it for an auditor, show one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.operator import acting_operator, administering
from gateway.cli.settings import load_settings
from gateway.errors import SettingsInvalid

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
_DEFAULT = Path("passerelle.toml")


@app.command()
def verify(
    export: Annotated[
        Path | None, typer.Argument(help="An export; default the installation's own trail.")
    ] = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Recompute every seal and check every signature; name the first bad row."""
    from gateway.audit.verify import verify_export  # noqa: PLC0415

    if export is not None:
        with export.open("rb") as file:
            report = verify_export(file)
    else:
        report = verify_export(_exported(config))
    for finding in report.findings:
        print(f"BAD  {finding}")
    print(
        f"{report.sealed} rows sealed, {report.unsealed} not yet, {report.checkpoints} checkpoints of "
        f"{report.origin}: {'all intact' if report.ok else f'{len(report.findings)} faults'}"
    )
    raise typer.Exit(0 if report.ok else 1)


@app.command("export")
def write_export(
    output: Annotated[Path, typer.Argument(help="File to write, JSON lines.")], config: ConfigFile = _DEFAULT
) -> None:
    """Write the trail so that it can be verified without this installation."""
    count = 0
    if output.exists():
        raise SettingsInvalid("the file is there already; nothing was written", location=str(output))
    with (
        administering(load_settings(config), "auditor", f"audit export {output.name}"),
        output.open("xb") as file,
    ):
        for line in _exported(config):
            file.write(line)
            count += 1
    print(f"{count} lines written to {output}")


@app.command()
def show(
    trace: Annotated[str, typer.Argument(help="Trace id, from an answer or the log.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Show the audit message, the decision and the evidence of one exchange."""
    from gateway.cli.trail import rows_of  # noqa: PLC0415

    settings = load_settings(config)
    acting_operator(settings, None, "auditor", act=f"audit show {trace}")
    for row in asyncio.run(rows_of(settings, trace)):
        print(f"audit row {row.id}, outcome {row.outcome}, {row.transaction}")
        print(f"  message   {row.message}")
        print(f"  decision  {row.decision}")
        print(f"  evidence  {row.evidence}")


@app.command()
def reindex(config: ConfigFile = _DEFAULT) -> None:
    """Let the server make its own trail findable again, from the first row on; after a loss of the index."""
    from gateway.cli.indexing import index_again  # noqa: PLC0415

    settings = load_settings(config)
    with administering(settings, {"auditor", "security-officer"}, "audit reindex"):
        asyncio.run(index_again(settings))
    print("the server goes through the trail again; searches find all of it when it is done")


def _exported(config: Path) -> Iterator[bytes]:
    from gateway.cli.trail import export_lines  # noqa: PLC0415

    return iter(asyncio.run(export_lines(load_settings(config))))
