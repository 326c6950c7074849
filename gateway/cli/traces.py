"""`passerelle traces`: what systems said of themselves by syslog, for operators only."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from gateway.cli.settings import load_settings
from gateway.errors import SettingsInvalid

if TYPE_CHECKING:
    from gateway.cli.compose import Gateway
    from gateway.config import OperatorRole
    from gateway.record.events import Received
    from gateway.stores.system import SystemEvent, SystemQuestion

READERS: tuple[OperatorRole, ...] = ("security-officer", "node-manager", "auditor")
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
SHOWN = 400
_SINCE = timedelta(days=1)
_DEFAULT = Path("passerelle.toml")
Rows = Sequence[tuple["SystemEvent", "Received"]]


def traces(
    since: Annotated[str, typer.Option(help="ISO 8601; default a day ago.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601; default now.")] = "",
    host: Annotated[str | None, typer.Option(help="Host, as the message names it.")] = None,
    app: Annotated[str | None, typer.Option(help="Application, as the message names it.")] = None,
    node: Annotated[str | None, typer.Option(help="The node that sent it, or its address.")] = None,
    severity: Annotated[str, typer.Option(help=f"This or graver: {', '.join(SEVERITIES)}.")] = "debug",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    json: Annotated[bool, typer.Option("--json", help="For programs; messages whole.")] = False,
    config: Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")] = _DEFAULT,
) -> None:
    """Show what systems said of themselves by syslog, the newest first (not the trail of patients)."""
    from gateway.cli.operator import administering  # noqa: PLC0415

    now = datetime.now(UTC)
    asked = {"host": host, "app": app, "node": node, "severity": severity}
    start, end = _instant(since) or now - _SINCE, _instant(until) or now
    named = " ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    settings = load_settings(config)
    act = f"traces {start.isoformat()} {end.isoformat()} {named}"
    with administering(settings, READERS, act):
        question = _question(start, end, host, app, node, severity, limit)
        found = asyncio.run(_found(config, question))
    for line in _lines(found, as_json=json):
        print(line)


def _question(
    start: datetime,
    end: datetime,
    host: str | None,
    app: str | None,
    node: str | None,
    severity: str,
    limit: int,
) -> SystemQuestion:
    from gateway.stores.rows import millis  # noqa: PLC0415
    from gateway.stores.system import SystemQuestion  # noqa: PLC0415

    if severity not in SEVERITIES:
        raise SettingsInvalid(f"expected one of {', '.join(SEVERITIES)}", location="--severity")
    return SystemQuestion(
        since=millis(start),
        until=millis(end),
        host=host,
        app=app,
        sender=node,
        severity=SEVERITIES.index(severity),
        limit=limit,
    )


async def _found(config: Path, question: SystemQuestion) -> Rows:
    from gateway.cli.compose import compose  # noqa: PLC0415

    gateway: Gateway = compose(load_settings(config))
    try:
        return await gateway.systems.search(question)
    finally:
        await gateway.close()


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsInvalid("expected a time, such as 2026-11-22T10:00", location=text[:40]) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _lines(found: Rows, *, as_json: bool) -> Iterator[str]:
    for event, message in found:
        at = datetime.fromtimestamp(event.at / 1000, UTC).isoformat(timespec="milliseconds")
        text = message.raw.decode("utf-8", "backslashreplace")
        grave = SEVERITIES[event.severity]
        if as_json:
            told = {"at": at, "severity": grave, "facility": event.facility, "host": event.host}
            told |= {"app": event.app, "node": event.sender, "header": dict(message.header), "message": text}
            yield orjson.dumps(told).decode()
        else:
            yield f"{at} {grave:7} {event.sender} {event.host} {event.app or '-'}: {_inert(text[:SHOWN])}"


def _inert(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(each if unicodedata.category(each)[0] != "C" else f"\\x{ord(each):02x}" for each in text)
