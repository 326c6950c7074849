"""The operators' desk of the settings: for the server, and for one command at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from gateway.config import OperatorRole, Settings
from gateway.crypto.envelope import KeyTree
from gateway.errors import OperatorRefused
from gateway.identity.operators import REFUSED, OperatorDesk, Trail
from gateway.stores.database import Database, open_database
from gateway.stores.keys import key_maker
from gateway.stores.marker import check_environment
from gateway.stores.operators import OperatorStore


def operator_store(settings: Settings, database: Database) -> OperatorStore:
    """What is kept of the operators of this environment."""
    keys = KeyTree.at(settings.content.master_key)
    return OperatorStore(database, keys, key_maker(), settings.environment)


def desk_of(settings: Settings, store: OperatorStore, clock: Callable[[], datetime]) -> OperatorDesk:
    """The desk. Where no directory is configured nobody can log in at it."""
    host = urlsplit(settings.server.public_url).hostname or "-"
    trail = Trail(host, settings.environment)
    return OperatorDesk(settings.operators, settings.environment, store, trail, clock, _roles_of(settings))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[OperatorDesk, OperatorStore]]:
    """The desk for one command, over a database of this environment."""
    database = open_database(settings.database.url)
    try:
        await check_environment(database, settings.environment)
        store = operator_store(settings, database)
        yield desk_of(settings, store, lambda: datetime.now(UTC)), store
    finally:
        await database.close()


def _roles_of(settings: Settings) -> Callable[[str, str], frozenset[OperatorRole]]:
    if not settings.operators.configured:
        return _nobody
    # The LDAP library takes its time to load, and most commands need none.
    from gateway.identity.operators.directory import OperatorDirectory  # noqa: PLC0415

    return OperatorDirectory(settings.operators, settings.environment).roles_of


def _nobody(_login: str, _password: str) -> frozenset[OperatorRole]:
    raise OperatorRefused(REFUSED, reason="no directory of operators is configured")
