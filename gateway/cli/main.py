"""The command `passerelle`: each subcommand imports what it needs when it runs, so that all start fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli import (
    alerts,
    audit,
    calls,
    directory,
    emergency,
    identity,
    incident,
    issued,
    journal,
    keys,
    matching,
    media,
    nodes,
    operator,
    policy,
    programs,
    retention,
    revoke,
    rights,
    traces,
)
from gateway.errors import GatewayError

app = typer.Typer(
    help="Passerelle: an IHE/HL7 gateway for a shared health record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(nodes.app, name="node", help="Partner systems: enrol, block, list.")
app.add_typer(operator.app, name="operator", help="Operators: second factor, log in and out, trail.")
app.add_typer(issued.app, name="tokens", help="Tokens and assertions that were issued here.")
app.add_typer(revoke.app, name="revoke", help="Shut out a person, system, issuer or token at once.")
app.add_typer(identity.app, name="identity", help="Who is whom: reviews, history, undoing, reindexing.")
app.add_typer(
    directory.app, name="directory", help="Professionals and organisations: import, show, shut out."
)
app.add_typer(emergency.app, name="emergency", help="Emergency accesses: review, figures.")
app.add_typer(rights.app, name="rights", help="What patients decided: show, set, end, export.")
app.add_typer(media.app, name="media", help="Document sets on portable media (XDM): import, export, check.")
app.add_typer(keys.app, name="keys", help="The master key: rotate, resume, retire.")
app.add_typer(audit.app, name="audit", help="The audit trail: verify, export, show one exchange.")
app.add_typer(retention.app, name="retention", help="What is over is erased, unless it is held.")
app.add_typer(alerts.app, name="alerts", help="What the watch found in the trail: list, show, dismiss.")
app.add_typer(
    incident.app, name="incident", help="Incidents: open, work on, contain, close; who was touched."
)
app.add_typer(policy.app, name="policy", help="Who may do what: check, compare, explain, change, replay.")
app.add_typer(matching.app, name="matching", help="The matching of patients: train, try, measure.")
app.add_typer(programs.conformance, name="conformance", help="Black-box tests of a running system.")
app.add_typer(programs.bench, name="bench", help="Measured load on a system of its own.")
app.command()(traces.traces)
calls.register(app)
journal.register(app)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
_DEFAULT = Path("passerelle.toml")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="A new folder.")],
    environment: Annotated[str, typer.Option(help="integration, preprod or prod.")] = "integration",
) -> None:
    """Write a commented configuration and our keys; in integration also a test authority and partners."""
    from gateway.cli.furnishing import furnish  # noqa: PLC0415
    from gateway.cli.init import create  # noqa: PLC0415
    from gateway.cli.settings import environment_of, load_settings  # noqa: PLC0415
    from gateway.stores.marker import ready  # noqa: PLC0415

    create(folder, environment_of(environment))
    print(f"configuration written to {folder / 'passerelle.toml'}")
    if environment == "integration":
        settings = load_settings(folder / "passerelle.toml")
        ready(settings.database.url, environment)
        furnish(settings)
        print(f"start it with: passerelle serve --config {folder / 'passerelle.toml'}")
    else:
        print(f"have {folder}/pki/*.csr signed, add trust.pem and crl.pem, then: passerelle check")


@app.command()
def serve(
    config: ConfigFile = _DEFAULT,
    workers: Annotated[int | None, typer.Option(help="Processes; default from the configuration.")] = None,
) -> None:
    """Answer on HTTPS, MLLP/TLS and the operators' loopback port until told to stop."""
    from gateway.cli.metrics import shared_metrics  # noqa: PLC0415

    with shared_metrics():
        raise typer.Exit(_serve(config, workers))


def _serve(config: Path, workers: int | None) -> int:
    from gateway.cli.furnishing import furnish  # noqa: PLC0415
    from gateway.cli.serve import announce  # noqa: PLC0415
    from gateway.cli.serve import serve as run  # noqa: PLC0415
    from gateway.cli.settings import checked_settings  # noqa: PLC0415
    from gateway.stores.marker import ready  # noqa: PLC0415

    settings = checked_settings(config)
    ready(settings.database.url, settings.environment)
    furnish(settings)
    return run(settings, workers or settings.server.workers, announce)


@app.command()
def check(config: ConfigFile = _DEFAULT) -> None:
    """Say whether a server would start with this configuration; name file, line and reason otherwise."""
    from gateway.cli.settings import checked_settings  # noqa: PLC0415

    settings = checked_settings(config)
    print(f"{config}: usable for {settings.environment}")


@app.command()
def endpoints(
    config: ConfigFile = _DEFAULT,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print where this installation answers, and the identifiers its partners need."""
    from gateway.cli.endpoints import show  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    show(load_settings(config), as_json=json)


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server and its folder.")] = False,
) -> None:
    """Play hospital, laboratory, pharmacy and patient against a server started for it."""
    from gateway.cli.demo import play  # noqa: PLC0415

    raise typer.Exit(play(keep=keep))


def main() -> None:
    """The entry point; what is wrong is told in one line, without a stack trace."""
    try:
        app()
    except GatewayError as error:
        from gateway.cli.log import tell_refused  # noqa: PLC0415

        sys.exit(tell_refused(error))
    except OSError as error:
        if error.filename is None:
            raise
        print(f"passerelle: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
