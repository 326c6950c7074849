"""`passerelle revoke`: shuts somebody out at once; running servers obey within seconds."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.operator import administering

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.identity.operators import Operator
    from gateway.record.revoked import RevokedKind

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept and audited.")]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="When it ends (UTC); else never."
    ),
]
_DEFAULT = Path("passerelle.toml")


@app.command()
def person(
    name: Annotated[str, typer.Argument(help="Subject or provider id, alone or as id@issuer.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Shut out a person, whichever issuer speaks for it unless one is named."""
    _revoke("person", name, reason, until, config)


@app.command()
def node(
    name: Annotated[str, typer.Argument(help="Name of the node.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Shut out a partner system, also on open connections."""
    _revoke("node", name, reason, until, config)


@app.command()
def organisation(
    name: Annotated[str, typer.Argument(help="OID or URI of the organisation.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Shut out an organisation: its nodes, and everybody who acts for it."""
    _revoke("organisation", name, reason, until, config)


@app.command()
def issuer(
    name: Annotated[str, typer.Argument(help="entity_id of the issuer.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Believe nothing more that an issuer says."""
    _revoke("issuer", name, reason, until, config)


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="ID of the assertion or jti of the token, or id@issuer.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Take one assertion or token out of use."""
    _revoke("token", name, reason, until, config)


@app.command()
def patient(
    name: Annotated[str, typer.Argument(help="Patient identifier in CX, as the patient's tokens name it.")],
    reason: Reason,
    until: Until = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Shut out a patient's own access; nothing else about the patient changes."""
    _revoke("patient", name, reason, until, config)


@app.command()
def lift(
    kind: Annotated[str, typer.Argument(help="person, node, organisation, issuer, token or patient.")],
    name: Annotated[str, typer.Argument(help="As it was revoked.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Let somebody in again."""
    import asyncio  # noqa: PLC0415

    from gateway.cli.revoking import lift as write  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings, known = load_settings(config), _kind(kind)
    with _officer(settings, "lift", kind, name) as operator:
        asyncio.run(write(settings, known, name, reason, operator.id))
    print(f"{kind} {name} is let in again")


@app.command("list")
def list_revoked(
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended or were lifted.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """List what is revoked, with who, when and why."""
    import asyncio  # noqa: PLC0415

    from gateway.cli.revoking import listed  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    for line in asyncio.run(listed(load_settings(config), every=every)):
        print(line)


def _revoke(kind: str, name: str, reason: str, until: datetime | None, config: Path) -> None:
    import asyncio  # noqa: PLC0415

    from gateway.cli.revoking import revoke as write  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    end = None if until is None else until.replace(tzinfo=UTC)
    settings, known = load_settings(config), _kind(kind)
    with _officer(settings, "revoke", kind, name) as operator:
        asyncio.run(write(settings, known, name, reason, end, operator.id))
    print(f"{kind} {name} is revoked; running servers obey within 5 seconds")


def _officer(settings: Settings, act: str, kind: str, name: str) -> AbstractContextManager[Operator]:
    """A patient's name stays out of the operators' trail."""
    told = kind if kind == "patient" else f"{kind} {name}"
    return administering(settings, "security-officer", f"{act} {told}")


def _kind(text: str) -> RevokedKind:
    from gateway.errors import SettingsInvalid  # noqa: PLC0415
    from gateway.record.revoked import RevokedKind  # noqa: PLC0415

    try:
        found = RevokedKind(text)
    except ValueError as error:
        kinds = ", ".join(each.value for each in RevokedKind)
        raise SettingsInvalid(f"{text} cannot be revoked; expected one of {kinds}") from error
    if found is RevokedKind.OPERATOR:
        raise SettingsInvalid("operators are shut out, and let in again, by passerelle operator")
    return found
