"""`passerelle node`: partner systems are enrolled by certificate request, and blocked at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.operator import administering
from gateway.cli.settings import load_settings

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
_DEFAULT = Path("passerelle.toml")


@app.command()
def enrol(
    name: Annotated[str, typer.Argument(help="Name of the node, unique here.")],
    organisation: Annotated[str, typer.Option(help="OID of its organisation.")],
    organisation_name: Annotated[str, typer.Option(help="Name of its organisation.")],
    transaction: Annotated[list[str], typer.Option(help="May call, such as ITI-41; repeat for more.")],
    feeds: Annotated[
        list[str] | None, typer.Option(help="OID of a domain of patient identifiers it assigns; repeat.")
    ] = None,
    csr: Annotated[
        Path | None, typer.Option(help="Certificate request, signed by the local authority.")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="Or a certificate of your authority.")] = None,
    bearer: Annotated[
        bool, typer.Option("--bearer", help="Take bearer assertions of professionals.")
    ] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Enrol a node. A private key is never asked for, and refused if it is given."""
    from gateway.cli.init import Partner  # noqa: PLC0415
    from gateway.cli.init import enrol as write  # noqa: PLC0415

    partner = Partner(
        name=name,
        organisation=organisation,
        organisation_name=organisation_name,
        transactions=tuple(transaction),
        feeds=tuple(feeds or ()) or ("*",),
        bearer_allowed=bearer,
    )
    settings = load_settings(config)
    with administering(settings, "node-manager", f"node enrol {name}"):
        path = write(settings, partner, csr=csr, certificate=certificate)
    print(f"enrolled {name} in {path}; its certificate is {path.with_suffix('.pem')}")


@app.command()
def block(
    name: Annotated[str, typer.Argument(help="Name of the node.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it in again.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Block a node; running servers obey within seconds."""
    from gateway.cli.init import block as write  # noqa: PLC0415

    settings = load_settings(config)
    act = f"node {'let in' if undo else 'block'} {name}"
    with administering(settings, {"node-manager", "security-officer"}, act):
        write(settings, name, blocked=not undo)
    print(f"node {name} is {'let in again' if undo else 'blocked'}")


@app.command("list")
def list_nodes(config: ConfigFile = _DEFAULT) -> None:
    """List the enrolled nodes."""
    from gateway.identity.nodes import NodeDirectory  # noqa: PLC0415

    settings = load_settings(config)

    def alert(problem: Exception) -> None:
        print(f"not usable: {problem}")

    for node in NodeDirectory(settings.nodes.directory, settings.environment, alert=alert).nodes():
        state = "blocked" if node.blocked else "active"
        print(f"{node.name:20} {state:8} {node.organisation_name:28} {', '.join(sorted(node.transactions))}")
