"""`passerelle keys`: replace the master key while the gateway serves, and take the old one away."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.operator import administering
from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.errors import SettingsInvalid

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
_DEFAULT = Path("passerelle.toml")
TAKEN_UP_SECONDS = 3.0
"""A server takes up a changed file within this time."""
PASSES = 20


@app.command()
def rotate(
    config: ConfigFile = _DEFAULT,
    step: Annotated[int, typer.Option(min=1, max=10_000, help="Keys in one transaction.")] = 500,
) -> None:
    """Make a new master key and put every key of the record under it; servers go on meanwhile."""
    settings = load_settings(config)
    with administering(settings, "security-officer", "keys rotate"):
        version, count = asyncio.run(_rotate(settings, step))
    print(f"{count} keys are under master key {version}; the old one is not needed any more: keys retire")


@app.command()
def resume(
    config: ConfigFile = _DEFAULT,
    step: Annotated[int, typer.Option(min=1, max=10_000, help="Keys in one transaction.")] = 500,
) -> None:
    """Go on with a rotation that was interrupted."""
    settings = load_settings(config)
    with administering(settings, "security-officer", "keys resume"):
        version, count = asyncio.run(_rewrap(settings, step))
    print(f"{count} keys were put under master key {version}")


@app.command()
def retire(config: ConfigFile = _DEFAULT) -> None:
    """Take replaced master keys out of the file; refused while anything needs one. Old backups need them."""
    from gateway.crypto.keyring import read_ring, write_ring  # noqa: PLC0415

    settings = load_settings(config)
    path = settings.content.master_key
    with administering(settings, "security-officer", "keys retire"):
        needed = asyncio.run(_old(settings))
        if needed:
            raise SettingsInvalid(f"{needed} keys are still under an older master key: keys resume")
        write_ring(path, read_ring(path).newest_alone())
    print("only the newest master key is left")


async def _rotate(settings: Settings, step: int) -> tuple[int, int]:
    """A new key first, in the file; then, when every server has it, everything under it."""
    from gateway.crypto.keyring import read_ring, write_ring  # noqa: PLC0415

    path = settings.content.master_key
    write_ring(path, read_ring(path).with_new())
    await asyncio.sleep(TAKEN_UP_SECONDS)
    return await _rewrap(settings, step)


async def _rewrap(settings: Settings, step: int) -> tuple[int, int]:
    """Until a pass finds nothing any more: what was under way during one is found by the next."""
    from gateway.crypto.envelope import KeyTree  # noqa: PLC0415
    from gateway.stores.database import open_database  # noqa: PLC0415
    from gateway.stores.rewrapping import Rewrapper  # noqa: PLC0415

    database, keys = open_database(settings.database.url), KeyTree.at(settings.content.master_key)
    count = 0
    try:
        rewrapper = Rewrapper(database, keys, step)
        for _ in range(PASSES):
            passed = await rewrapper.run()
            count += passed.rewrapped
            if not passed.rewrapped:
                return keys.version, count
    finally:
        await database.close()
    raise SettingsInvalid(
        "keys are still being made under an older master key: is a server without the file?"
    )


async def _old(settings: Settings) -> int:
    from gateway.crypto.envelope import KeyTree  # noqa: PLC0415
    from gateway.stores.database import open_database  # noqa: PLC0415
    from gateway.stores.rewrapping import Rewrapper  # noqa: PLC0415

    database = open_database(settings.database.url)
    try:
        return await Rewrapper(database, KeyTree.at(settings.content.master_key)).old()
    finally:
        await database.close()
