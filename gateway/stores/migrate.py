"""Schema migrations of the database (Alembic), run by `passerelle init` and before a server starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from asyncpg import PostgresError
from sqlalchemy.exc import DBAPIError

from gateway.errors import SettingsInvalid
from gateway.stores.database import async_url


def configuration(url: str) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = async_url(url)
    return config


def upgrade(url: str) -> None:
    """Brings the database to the newest revision; does nothing when it is there already."""
    try:
        command.upgrade(configuration(url), "head")
    except (DBAPIError, PostgresError, OSError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SettingsInvalid(f"the database cannot be opened or migrated ({kind})") from error


def newest() -> str:
    """The revision this code was written for."""
    return ScriptDirectory.from_config(configuration("sqlite://")).get_current_head() or ""
