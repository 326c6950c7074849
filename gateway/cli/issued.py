"""`passerelle tokens`: what was issued here and has not expired."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.stores.tokens import Issued

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")


@app.callback()
def _tokens() -> None:
    """Keeps `list` a command of its own."""


@app.command("list")
def list_(
    config: Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")] = _DEFAULT,
    subject: Annotated[str, typer.Option(help="Of one person or system only, by uid or name.")] = "",
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List access tokens and assertions by id, client and subject; `passerelle revoke token ID` ends one."""
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    found = [each for each in asyncio.run(_listed(load_settings(config))) if subject in {"", each.subject}]
    if json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    for each in found:
        print(f"{each.id:38} {each.kind:13} {each.client:20} {each.subject:24} until {each.expires:%H:%M:%S}")
    print(f"{len(found)} in force")


async def _listed(settings: Settings) -> Sequence[Issued]:
    from gateway.cli.compose import compose, utc_now  # noqa: PLC0415

    gateway = compose(settings)
    try:
        return await gateway.provider.service.store.listed(utc_now())
    finally:
        await gateway.close()
