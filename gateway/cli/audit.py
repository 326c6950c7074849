"""`passerelle audit`: verify the trail, export it for an auditor, show one exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.operator import acting_operator, administering
from gateway.cli.settings import load_settings
from gateway.errors import GatewayError, SettingsInvalid

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
_DEFAULT = Path("passerelle.toml")


@app.command()
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(help="An archive, an export, or evidence; default the installation's own trail."),
    ] = None,
    trusted: Annotated[
        list[str] | None,
        typer.Option(help="Certificate of the gateway that is believed: its SHA-256, or a file. Repeatable."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint that was kept elsewhere. Repeatable.")
    ] = None,
    tsa_trust: Annotated[
        Path | None, typer.Option(help="Authorities of time stamps that are believed (PEM).")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="Key of a witness, as name+id+key. Repeatable.")
    ] = None,
    request: Annotated[Path | None, typer.Option(help="With evidence: the request as it was sent.")] = None,
    reply: Annotated[Path | None, typer.Option(help="With evidence: the reply as it was received.")] = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Recompute every seal and check every signature; name the first bad row."""
    from gateway.audit.verify import verify_export  # noqa: PLC0415
    from gateway.cli.verifying import brought_of, verdict, verify_file  # noqa: PLC0415

    brought = brought_of(trusted or (), checkpoint or (), tsa_trust, witness or ())
    if file is not None:
        found = verify_file(file, brought, request, reply)
    else:
        report = verify_export(_exported(config), trusted=brought.signers, known=brought.notes)
        found = verdict(report, brought)
    for line in found.lines:
        print(line)
    raise typer.Exit(0 if found.good else 1)


@app.command("export")
def write_export(
    output: Annotated[Path, typer.Argument(help="Archive (ZIP) to write.")],
    since: Annotated[datetime | None, typer.Option(help="Sealed from here on, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Sealed before, in UTC.")] = None,
    first: Annotated[int | None, typer.Option("--from", help="From this position of the tree on.")] = None,
    last: Annotated[int | None, typer.Option("--to", help="Up to this size of the tree.")] = None,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Digests in place of audit messages and decisions.")
    ] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Write the trail, or a part of it, so that it can be verified without this installation."""
    from gateway.cli.exporting import export_archive  # noqa: PLC0415
    from gateway.cli.trail import Part  # noqa: PLC0415

    if output.exists():
        raise SettingsInvalid("the file is there already; nothing was written", location=str(output))
    part = Part(first=first, last=last, since=_utc(since), until=_utc(until), hashes_only=hashes_only)
    settings = load_settings(config)
    with administering(settings, "auditor", f"audit export {output.name}"):
        count = asyncio.run(export_archive(settings, output, part))
    print(f"{count} lines written to {output}")


@app.command()
def prove(
    trace: Annotated[str, typer.Argument(help="Trace id, from an answer or the log.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Write the evidence of one exchange, to be verified by whoever it is given to."""
    from gateway.cli.exporting import prove_exchange  # noqa: PLC0415

    settings = load_settings(config)
    with administering(settings, "auditor", f"audit prove {trace}"):
        data = asyncio.run(prove_exchange(settings, trace))
        with output.open("xb") as file:
            file.write(data)
    print(f"evidence of {trace} written to {output}")


@app.command()
def consistency(
    old: Annotated[Path, typer.Argument(help="A checkpoint that was kept elsewhere.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write the proof to.")] = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Show that the trail only appends to a checkpoint of the past, or that it does not."""
    from gateway.audit.consistency import ConsistencyProof  # noqa: PLC0415
    from gateway.cli.exporting import consistency_of  # noqa: PLC0415

    settings = load_settings(config)
    acting_operator(settings, None, "auditor", act=f"audit consistency {old.name}")
    try:
        data = asyncio.run(consistency_of(settings, old.read_text(encoding="utf-8")))
    except GatewayError as error:
        print(f"BAD  {error.detail}")
        raise typer.Exit(1) from error
    if output is not None:
        with output.open("xb") as file:
            file.write(data)
    before, after = ConsistencyProof.read(data)[0].verify(ConsistencyProof.read(data)[1])
    print(f"the trail of {after.size} entries only appends to that of {before.size}: intact")


@app.command()
def checkpoint(
    output: Annotated[Path, typer.Argument(help="File to write.")], config: ConfigFile = _DEFAULT
) -> None:
    """Write the newest signed checkpoint, to be kept elsewhere."""
    from gateway.cli.exporting import newest_note  # noqa: PLC0415

    note = asyncio.run(newest_note(load_settings(config)))
    with output.open("x", encoding="utf-8") as file:
        file.write(note)
    print(f"checkpoint of {note.splitlines()[1]} entries written to {output}")


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
def dossier(
    trace: Annotated[str, typer.Argument(help="Trace id, from an answer or the log.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write: .pdf (signed), .html or .json.")
    ],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Write everything about one exchange: for people, with the machine form in it, or that alone."""
    from gateway.cli.dossier import write_dossier  # noqa: PLC0415

    settings = load_settings(config)
    with administering(settings, "auditor", f"audit dossier {trace}") as operator:
        rows = write_dossier(settings, trace, output, operator)
    print(f"{rows} audit rows of {trace} in {output}")


@app.command()
def reindex(
    config: ConfigFile = _DEFAULT,
    received: Annotated[
        bool, typer.Option("--received", help="What other systems sent, too; this command does that itself.")
    ] = False,
) -> None:
    """Let the server make its own trail findable again, from the first row on; after a loss of the index."""
    from gateway.cli.indexing import index_again  # noqa: PLC0415
    from gateway.cli.received import index_received  # noqa: PLC0415

    settings = load_settings(config)
    with administering(settings, "security-officer", "audit reindex"):
        asyncio.run(index_again(settings))
        count = asyncio.run(index_received(settings)) if received else 0
    print("the server goes through the trail again; searches find all of it when it is done")
    if received:
        print(f"{count} messages of other systems gone through")


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _exported(config: Path) -> Iterator[bytes]:
    from gateway.cli.trail import export_lines  # noqa: PLC0415

    return iter(asyncio.run(export_lines(load_settings(config))))
