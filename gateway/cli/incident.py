"""`passerelle incident`: opens incidents, works on them, contains them, closes them, says who was touched."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.cli.alerts import READERS
from gateway.cli.calls import ConfigFile

if TYPE_CHECKING:
    from gateway.pipeline.guarding import IncidentDesk
    from gateway.record.revoked import RevokedKind
    from gateway.watch.incident import Incident, Step

app = typer.Typer(no_args_is_help=True)
T = TypeVar("T")
_DEFAULT = Path("passerelle.toml")
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]

Number = Annotated[int, typer.Argument(help="Number of the incident.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
User = Annotated[
    str, typer.Option("--as", help="Who is acting, where no operators are configured; else who is logged in.")
]
Person = Annotated[str, typer.Option(help="Subject or provider id, alone or as id@issuer.")]
Node = Annotated[str, typer.Option(help="Name of the node.")]
Organisation = Annotated[str, typer.Option(help="OID or URI of the organisation.")]
Issuer = Annotated[str, typer.Option(help="entity_id of the issuer.")]
Token = Annotated[str, typer.Option(help="ID of the assertion or jti of the token.")]
Until = Annotated[datetime | None, typer.Option(formats=_DATES, help="When it ends (UTC); else never.")]


@app.command("open")
def open_incident(
    title: Annotated[str, typer.Option(help="What happened, in a line, without names of patients.")],
    severity: Annotated[str, typer.Option(help="low, medium or high.")] = "medium",
    alert: Annotated[list[int] | None, typer.Option(help="Number of an alert it comes of; repeat.")] = None,
    after: Annotated[int | None, typer.Option(help="A closed incident that it continues.")] = None,
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Open an incident; it is no less severe than the alerts it comes of."""
    found = _work(
        config,
        "incident open",
        user,
        lambda desk, actor: desk.open(title, severity, actor, alerts=tuple(alert or ()), after=after),
    )
    print(f"incident {found.number}, {found.severity}, is open")


@app.command()
def note(
    number: Number,
    text: Annotated[str, typer.Option(help="What was found out or done; sealed, without names of patients.")],
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Add what somebody found out or did."""
    _work(config, f"incident note {number}", user, lambda desk, actor: desk.note(number, actor, text))
    print(f"noted in incident {number}")


@app.command()
def state(
    number: Number,
    to: Annotated[str, typer.Argument(help="examined, contained or closed.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Move an incident on: open, examined, contained, closed; from examined it may be closed at once."""
    if to == "closed":
        close(number, reason, config, user)
        return
    act = f"incident state {number} {to}"
    _work(config, act, user, lambda desk, actor: desk.state(number, to, actor, reason))
    print(f"incident {number} is {to}")


@app.command()
def close(number: Number, reason: Reason, config: ConfigFile = _DEFAULT, user: User = "") -> None:
    """Close an incident. One of high severity is closed when another person says so too."""
    act = f"incident close {number}"
    done = _work(config, act, user, lambda desk, actor: desk.close(number, actor, reason))
    print(f"incident {number} is closed" if done else "proposed; another person must close it as well")


@app.command()
def contain(
    number: Number,
    reason: Reason,
    person: Person = "",
    node: Node = "",
    organisation: Organisation = "",
    issuer: Issuer = "",
    token: Token = "",
    until: Until = None,
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Shut somebody out under the incident; running servers obey within 5 seconds."""
    kind, name = _one_of(person=person, node=node, organisation=organisation, issuer=issuer, token=token)
    end = None if until is None else until.replace(tzinfo=UTC)
    act = f"incident contain {number} {kind.value} {name}"
    _work(config, act, user, lambda desk, actor: desk.contain(number, kind, name, actor, reason, end))
    print(f"{kind.value} {name} is revoked; running servers obey within 5 seconds")


@app.command()
def lift(
    number: Number,
    reason: Reason,
    person: Person = "",
    node: Node = "",
    organisation: Organisation = "",
    issuer: Issuer = "",
    token: Token = "",
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Let somebody in again. Under an incident of high severity another person must say so too."""
    kind, name = _one_of(person=person, node=node, organisation=organisation, issuer=issuer, token=token)
    act = f"incident lift {number} {kind.value} {name}"
    done = _work(config, act, user, lambda desk, actor: desk.lift(number, kind, name, actor, reason))
    told = "is let in again" if done else "stays revoked until another person lifts it as well"
    print(f"{kind.value} {name} {told}")


@app.command("list")
def list_incidents(
    every: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """List incidents, the newest first."""
    for each in _read(config, "incident list", lambda desk: desk.listed()):
        if every or each.state != "closed":
            print(_line(each))


@app.command()
def show(number: Number, config: ConfigFile = _DEFAULT) -> None:
    """Show an incident with every step, held against the trail; exit code 1 if one was changed."""
    from gateway.cli.incidents import told_of  # noqa: PLC0415

    incident, steps, bad = _read(config, f"incident show {number}", lambda desk: told_of(desk, number))
    print(_line(incident))
    for each in steps:
        print(_step(each))
    for place in bad:
        print(f"BAD  step {place} is not what the trail was told")
    print(f"{len(steps)} steps, {'all as the trail was told' if not bad else f'{len(bad)} changed'}")
    raise typer.Exit(1 if bad else 0)


@app.command()
def breach(
    number: Number,
    output: Annotated[Path, typer.Option(help="File to write, CSV; it names patients.")],
    since: Annotated[datetime, typer.Option(formats=_DATES, help="From when on (UTC).")],
    until: Annotated[datetime | None, typer.Option(formats=_DATES, help="Until when (UTC); now.")] = None,
    person: Person = "",
    node: Node = "",
    organisation: Organisation = "",
    issuer: Issuer = "",
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Write whose records somebody has reached in a period, from the trail (GDPR Art. 33, 34)."""
    from gateway.cli.breach import write_list  # noqa: PLC0415
    from gateway.errors import SettingsInvalid  # noqa: PLC0415

    kind, name = _one_of(person=person, node=node, organisation=organisation, issuer=issuer)
    if output.exists():
        text = "the file is there already; nothing was written"
        raise SettingsInvalid(text, location=str(output))
    begin, end = since.replace(tzinfo=UTC), (until or datetime.now(UTC)).replace(tzinfo=UTC)
    settings, operator = _acting(config, "auditor", f"incident breach {number} {kind.value} {name}", user)
    with operator as actor:
        count = asyncio.run(write_list(settings, number, (kind, name), (begin, end), output, actor))
    print(f"{count} patients written to {output}")


# --- who acts, and on what -----------------------------------------------------------------------


def _one_of(**given: str) -> tuple[RevokedKind, str]:
    from gateway.errors import SettingsInvalid  # noqa: PLC0415
    from gateway.record.revoked import RevokedKind  # noqa: PLC0415

    named = [(RevokedKind(kind), name) for kind, name in given.items() if name.strip()]
    if len(named) != 1:
        raise SettingsInvalid(f"name one of --{', --'.join(given)}")
    return named[0]


def _acting(config: Path, role: Any, act: str, user: str) -> Any:
    """The settings, and who acts: to be entered while it is done."""
    from contextlib import contextmanager  # noqa: PLC0415

    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.policyroom import acting_as, ready  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = ready(load_settings(config))

    @contextmanager
    def entered() -> Any:
        with administering(settings, role, act) as operator:
            yield acting_as(settings, operator, user)

    return settings, entered()


def _work(config: Path, act: str, user: str, job: Callable[[IncidentDesk, str], Awaitable[T]]) -> T:
    from gateway.cli.incidents import opened  # noqa: PLC0415

    settings, operator = _acting(config, "security-officer", act, user)

    async def done(actor: str) -> T:
        async with opened(settings) as (_, desk):
            return await job(desk, actor)

    with operator as actor:
        return asyncio.run(done(actor))


def _read(config: Path, act: str, job: Callable[[IncidentDesk], Awaitable[T]]) -> T:
    from gateway.cli.incidents import opened  # noqa: PLC0415
    from gateway.cli.operator import acting_operator  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    acting_operator(settings, None, READERS, act=act)

    async def done() -> T:
        async with opened(settings) as (_, desk):
            return await job(desk)

    return asyncio.run(done())


def _line(each: Incident) -> str:
    from gateway.stores.alerts import time_of  # noqa: PLC0415

    after = f", continues {each.after}" if each.after is not None else ""
    told = f"{each.number:6} {each.severity:6} {each.state:9} since {time_of(each.opened_at):%Y-%m-%d %H:%M}Z"
    return f"{told} by {each.opened_by}{after}  {each.title}"


def _step(each: Step) -> str:
    from gateway.stores.alerts import time_of  # noqa: PLC0415

    content = dict(each.content)
    text = content.pop("text", "")
    named = ", ".join(f"{name} {value}" for name, value in content.items())
    told = f"  {each.number:3} {time_of(each.at):%Y-%m-%d %H:%M:%S}Z {each.actor}: {each.kind}"
    return f"{told}{f' ({named})' if named else ''}{f': {text}' if text else ''}"
