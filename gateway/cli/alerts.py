"""`passerelle alerts`: what the watch found in the trail."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.calls import ConfigFile

if TYPE_CHECKING:
    from gateway.config import OperatorRole, Settings
    from gateway.stores.alerts import Alert

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
READERS: frozenset[OperatorRole] = frozenset({"auditor", "security-officer"})

Number = Annotated[int, typer.Argument(help="Number of the alert, from the list.")]


@app.command("list")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Also those that are settled.")] = False,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 200,
    json: Annotated[bool, typer.Option("--json", help="For programs: one object a line.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """List alerts, the newest first; exit code 1 if one is open."""
    settings = _for_readers(config, "alerts list")
    found = [each for each in asyncio.run(_listed(settings, most)) if every or each.state == "open"]
    for each in found:
        print(_json(each) if json else _line(each))
    raise typer.Exit(1 if any(each.state == "open" for each in found) else 0)


@app.command()
def show(number: Number, config: ConfigFile = _DEFAULT) -> None:
    """Show one with its facts, and the events it comes of."""
    alert = asyncio.run(_one(_for_readers(config, f"alerts show {number}"), number))
    print(_line(alert))
    print(f"  {alert.explanation}")
    for each in alert.events:
        print(f"  event {each}")
    if alert.state != "open":
        into = f" {alert.incident}" if alert.incident is not None else ""
        print(f"  {alert.state}{into} by {alert.state_by}: {alert.state_why or '-'}")


@app.command()
def dismiss(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why there is nothing in it; kept and audited.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Settle an alert in which there is nothing; the same finding raises a new one."""
    from gateway.cli.incidents import opened  # noqa: PLC0415
    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)

    async def settle(actor: str) -> None:
        async with opened(settings) as (_, desk):
            await desk.dismiss(number, actor, reason)

    with administering(settings, "security-officer", f"alerts dismiss {number}") as operator:
        asyncio.run(settle(operator.id))
    print(f"alert {number} is dismissed")


def _for_readers(config: Path, act: str) -> Settings:
    from gateway.cli.operator import acting_operator  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    acting_operator(settings, None, READERS, act=act)
    return settings


async def _listed(settings: Settings, most: int) -> list[Alert]:
    from gateway.cli.incidents import opened  # noqa: PLC0415

    async with opened(settings) as (_, desk):
        return list(await desk.alerts.listed(most))


async def _one(settings: Settings, number: int) -> Alert:
    from gateway.cli.incidents import opened  # noqa: PLC0415

    async with opened(settings) as (_, desk):
        return await desk.alert(number)


def _line(each: Alert) -> str:
    from gateway.stores.alerts import time_of  # noqa: PLC0415

    told = f"{each.number:6} {each.severity:6} {each.rule:18} {each.kind} {each.subject}"
    return f"{told}  {each.count}x, last {time_of(each.last_at):%Y-%m-%d %H:%M:%S}Z, {each.state}"


def _json(each: Alert) -> str:
    import orjson  # noqa: PLC0415

    return orjson.dumps(each).decode()
