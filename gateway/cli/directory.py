"""`passerelle directory`: professionals and organisations are imported, shown, shut out and let in again."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.operator import administering
from gateway.cli.settings import load_settings

if TYPE_CHECKING:
    from gateway.cli.staffing import Staff
    from gateway.config import Settings
    from gateway.identity.operators import Operator

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
Uid = Annotated[str, typer.Argument(help="uid of the professional or organisation.")]
Reason = Annotated[str, typer.Option(help="Why; those who look at it later will read it.")]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="LDIF with entries (RFC 2849); no change records.")],
    config: ConfigFile = _DEFAULT,
    reason: Reason = "import",
) -> None:
    """Put entries into the directory; those that are there are replaced by what the file says."""
    from gateway.cli.furnishing import read_entries  # noqa: PLC0415
    from gateway.cli.staffing import opened  # noqa: PLC0415

    entries, settings = read_entries(file), load_settings(config)

    async def put(actor: str) -> int:
        async with opened(settings, actor) as staff:
            return await staff.put(entries, reason)

    with _managing(settings, f"directory import {file.name}") as operator:
        number = asyncio.run(put(operator.id))
    print(f"{number} entries are in the directory as {file} has them")


@app.command()
def show(uid: Uid, config: ConfigFile = _DEFAULT) -> None:
    """Show an entry, the groups it belongs to, and every change of it."""
    from gateway.cli.staffing import opened  # noqa: PLC0415

    async def told() -> None:
        async with opened(load_settings(config)) as staff:
            await _show(staff, uid)

    asyncio.run(told())


async def _show(staff: Staff, uid: str) -> None:
    entry = await staff.found(uid)
    print(f"dn: {entry.place.dn}")
    for attribute in entry.attributes.values():
        for value in attribute.values:
            print(f"{attribute.name}: {value}")
    for _, kind, dn in await staff.directory.store.groups([entry.key]):
        print(f"{'memberOf' if kind == 'member' else 'ownerOf'}: {dn}")
    print(f"access: {'deactivated by an operator' if entry.blocked else 'as hpdProviderStatus says'}")
    for change in await staff.history(entry):
        at = datetime.fromtimestamp(change.at / 1000, UTC)
        print(
            f"{at:%Y-%m-%d %H:%M:%S}Z {change.operation:9} {change.actor} {change.reason} [{change.trace_id}]"
        )


@app.command()
def deactivate(uid: Uid, reason: Reason, config: ConfigFile = _DEFAULT) -> None:
    """Shut somebody out from the next request on; no feed can undo it."""
    _block(uid, reason, config, blocked=True)


@app.command()
def activate(uid: Uid, config: ConfigFile = _DEFAULT, reason: Reason = "let in again") -> None:
    """Let somebody in again, if hpdProviderStatus says so too."""
    _block(uid, reason, config, blocked=False)


def _block(uid: str, reason: str, config: Path, *, blocked: bool) -> None:
    from gateway.cli.staffing import opened  # noqa: PLC0415

    settings = load_settings(config)

    async def done(actor: str) -> bool:
        async with opened(settings, actor) as staff:
            return await staff.block(uid, reason, blocked=blocked)

    act = "deactivate" if blocked else "activate"
    with _managing(settings, f"directory {act} {uid}") as operator:
        changed = asyncio.run(done(operator.id))
    word = "deactivated" if blocked else "active"
    print(f"{uid} is {word}" if changed else f"{uid} was {word} already")


def _managing(settings: Settings, act: str) -> AbstractContextManager[Operator]:
    from gateway.stores.marker import ready  # noqa: PLC0415

    ready(settings.database.url, settings.environment)
    return administering(settings, {"directory-manager", "security-officer"}, act)
