"""`passerelle retention`: what is over, what is held, and erasing it now."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.operator import acting_operator, administering
from gateway.cli.settings import load_settings
from gateway.errors import SettingsInvalid

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept and audited.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of an incident (UTC).")]
User = Annotated[
    str, typer.Option("--as", help="Who is acting, where no operators are configured; else who is logged in.")
]
_DEFAULT = Path("passerelle.toml")


@app.command()
def show(
    every: Annotated[bool, typer.Option("--all", help="Also released holds, and every record.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Show what is over by class, what is held, and what was erased."""
    from gateway.cli.holding import shown  # noqa: PLC0415
    from gateway.cli.policyroom import ready  # noqa: PLC0415

    settings = ready(load_settings(config))
    acting_operator(settings, None, {"auditor", "security-officer"}, act="retention show")
    for line in asyncio.run(shown(settings, every=every)):
        print(line)


@app.command()
def hold(
    kind: Annotated[str, typer.Argument(help="patient, trace or incident.")],
    name: Annotated[
        str, typer.Argument(help="Patient identifier, trace id, or what the incident is called.")
    ],
    reason: Reason,
    since: Day = None,
    until: Day = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Keep something from being erased, although its time is over: a legal hold."""
    from gateway.cli.holding import Wish  # noqa: PLC0415
    from gateway.cli.holding import hold as write  # noqa: PLC0415
    from gateway.cli.policyroom import ready  # noqa: PLC0415
    from gateway.record.retention import HoldKind  # noqa: PLC0415

    try:
        known = HoldKind(kind)
    except ValueError as error:
        kinds = ", ".join(each.value for each in HoldKind)
        raise SettingsInvalid(f"{kind} cannot be held; expected one of {kinds}") from error
    settings = ready(load_settings(config))
    told = kind if known is HoldKind.PATIENT else f"{kind} {name}"
    days = (since.date() if since else None, until.date() if until else None)
    with administering(settings, "security-officer", f"retention hold {told}") as operator:
        number = asyncio.run(write(settings, Wish(known, name, reason, *days), operator.id))
    print(f"{kind} {name} is held; release it with: passerelle retention release {number}")


@app.command()
def release(
    number: Annotated[int, typer.Argument(help="Number of the hold, from show.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """End a hold; what is over is erased again. One person proposes it, another one does it."""
    from gateway.cli.holding import release as write  # noqa: PLC0415
    from gateway.cli.policyroom import acting_as, ready  # noqa: PLC0415

    settings = ready(load_settings(config))
    with administering(settings, "security-officer", f"retention release {number}") as operator:
        actor = acting_as(settings, operator, user)
        done = asyncio.run(write(settings, number, reason, actor))
    print(f"hold {number} is released" if done else "proposed; another person must release it as well")


@app.command()
def run(config: ConfigFile = _DEFAULT, reason: Reason = "", user: User = "") -> None:
    """Erase now what is over by the settings; a running server does so by itself.

    One person proposes it, another one does it.
    """
    from gateway.cli.holding import run as erase  # noqa: PLC0415
    from gateway.cli.policyroom import acting_as, ready  # noqa: PLC0415

    settings = ready(load_settings(config))
    with administering(settings, "security-officer", "retention run") as operator:
        steps = asyncio.run(erase(settings, reason, acting_as(settings, operator, user)))
    print("proposed; another person must run it as well" if steps is None else f"done in {steps} steps")
