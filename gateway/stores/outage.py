"""A database that is away, full or taken is Busy; a mistake of ours in a query stays a defect."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from gateway.errors import Busy, GatewayError

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    OSError,
)
"""PostgreSQL is not there, goes, comes, or has no room."""
_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_PRIMARY = 0xFF
_STATES = ("08", "53", "57", "58")
"""Classes of SQLSTATE: connection, resources, intervention, system error."""


@contextmanager
def outages() -> Iterator[None]:
    """Turns what an outage raises into Busy; everything else goes on as it is."""
    try:
        yield
    except LOST as error:
        raise refusal(error) from error
    except (sqlite3.Error, DBAPIError) as error:
        if is_outage(error):
            raise refusal(error) from error
        raise


def is_outage(error: BaseException) -> bool:
    """Whether an error of a driver says that the database is away or full, not that we asked wrongly."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY in _SQLITE
    state = getattr(cause, "sqlstate", None) or ""
    return isinstance(cause, LOST) or state.startswith(_STATES)


def refusal(error: BaseException) -> GatewayError:
    """A lost connection, a full disk or a lost race: nothing was kept, the caller may try again."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return Busy(f"the database did not take the request ({type(cause).__name__})")
