"""What is kept of operators: second factors, sessions, failed logins, and the lines of their trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import GatewayError
from gateway.record.revoked import RevokedKind
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.revocations import Revocation, RevocationStore
from gateway.stores.work import UnitOfWork

_KIND = RevokedKind.OPERATOR
_F, _S = tables.operator_factor.c, tables.operator_session.c
_A, _E, _R = tables.operator_failure.c, tables.operator_event.c, tables.revocation.c
_NOW = bindparam("now", type_=BigInteger)

_FACTOR = select(_F.secret, _F.digest, _F.last_step).where(
    _F.environment == bindparam("environment"), _F.login == bindparam("login")
)
_FACTORS = select(_F.login, _F.at).where(_F.environment == bindparam("environment")).order_by(_F.login)
_ADD_FACTOR = insert(tables.operator_factor)
_DROP_FACTOR = delete(tables.operator_factor).where(
    _F.environment == bindparam("b_environment"), _F.login == bindparam("b_login")
)
_USE_STEP = (
    update(tables.operator_factor)
    .where(
        _F.environment == bindparam("b_environment"),
        _F.login == bindparam("b_login"),
        _F.last_step < bindparam("b_step"),
    )
    .values(last_step=bindparam("b_step"))
)


def _in_force(login: ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """A revocation of an operator, by login alone or with its directory, that holds now."""
    name = func.lower(_R.name)
    return (
        _R.kind == "operator",
        or_(name == login, name == literal("ldap:").concat(login)),
        _R.at <= _NOW,
        _R.lifted_at.is_(None),
        or_(_R.until.is_(None), _R.until > _NOW),
    )


_REVOKED = exists().where(*_in_force(_S.login))
_SESSION = select(tables.operator_session).where(
    _S.digest == bindparam("digest"), _S.ended_at.is_(None), _S.expires_at > _NOW, ~_REVOKED
)
_SHUT_OUT = select(_R.key).where(*_in_force(bindparam("login", type_=String)))
_SESSIONS = (
    select(tables.operator_session)
    .where(
        _S.environment == bindparam("environment"),
        _S.ended_at.is_(None),
        _S.expires_at > _NOW,
        ~_REVOKED,
    )
    .order_by(_S.at)
)
_ADD_SESSION = insert(tables.operator_session)
_USE_SESSION = update(tables.operator_session).where(_S.digest == bindparam("b_digest"))
_TOUCH = _USE_SESSION.values(used_at=bindparam("b_at"))
_END = _USE_SESSION.where(_S.ended_at.is_(None)).values(ended_at=bindparam("b_at"))
_END_ALL = (
    update(tables.operator_session)
    .where(
        _S.environment == bindparam("b_environment"),
        _S.login == bindparam("b_login"),
        _S.ended_at.is_(None),
    )
    .values(ended_at=bindparam("b_at"))
)
_ADD_FAILURE = insert(tables.operator_failure)
_DROP_FAILURE = delete(tables.operator_failure).where(_A.key == bindparam("b_key"))
_FORGET = delete(tables.operator_failure).where(_A.at < bindparam("b_at"))
_COUNT = select(
    func.count().filter(_A.login == bindparam("login")).label("of_login"),
    func.count().filter(_A.source == bindparam("source")).label("of_source"),
).where(_A.at > bindparam("since", type_=BigInteger))
_ADD_EVENT = insert(tables.operator_event)
_UNSENT = select(_E.key, _E.line).where(_E.sent_at.is_(None)).order_by(_E.key)
_LINES = select(_E.line).order_by(_E.key)
_OLD_EVENTS = delete(tables.operator_event).where(_E.at < bindparam("b_at"))
_OLD_SENT = _OLD_EVENTS.where(_E.sent_at.is_not(None))
_OLD_SESSIONS = delete(tables.operator_session).where(_S.expires_at < bindparam("b_at"))
_SENT = update(tables.operator_event).where(_E.key == bindparam("b_key")).values(sent_at=bindparam("b_at"))


@dataclass(frozen=True, slots=True)
class Factor:
    """The secret of a one-time code (octets), its digest, and the newest step of time used up."""

    secret: bytes = field(repr=False)
    digest: str
    last_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as stored. Times are epoch milliseconds; `name` tells sessions apart in the trail."""

    digest: bytes = field(repr=False)
    name: str
    environment: str
    login: str
    roles: str
    source: str
    at: int
    used_at: int
    expires_at: int
    ended_at: int | None = None


class OperatorStore:
    """Reads at once; changes are noted in a unit of work, or written by `write`."""

    def __init__(
        self, database: Database, keys: KeyTree, new_key: Callable[[], int], environment: str
    ) -> None:
        self._database = database
        self._key = keys.derived(b"operator factors")
        self._new_key = new_key
        self._revocations = RevocationStore(database, new_key)
        self._environment = environment

    async def write(self, work: UnitOfWork) -> None:
        """Writes all that was noted, or nothing."""
        await self._database.apply([work])

    # --- second factors ---

    async def factor(self, login: str) -> Factor | None:
        """The second factor of an operator, opened."""
        rows = await self._database.fetch(_FACTOR, {"environment": self._environment, "login": login})
        if not rows:
            return None
        secret = open_text(self._key, self._context(login), rows[0].secret)
        return Factor(secret, rows[0].digest, rows[0].last_step)

    async def enrolled(self) -> list[tuple[str, int]]:
        """Who has a second factor here, and since when (epoch milliseconds)."""
        rows = await self._database.fetch(_FACTORS, {"environment": self._environment})
        return [(row.login, row.at) for row in rows]

    def add_factor(
        self, work: UnitOfWork, login: str, factor: Factor, at: int, otherwise: GatewayError
    ) -> None:
        """Notes a second factor; `otherwise` at the commit if there is one already."""
        row = {
            "environment": self._environment,
            "login": login,
            "secret": seal_text(self._key, self._context(login), factor.secret),
            "digest": factor.digest,
            "last_step": factor.last_step,
            "at": at,
        }
        work.write(_ADD_FACTOR, row, otherwise=otherwise)

    def drop_factor(self, work: UnitOfWork, login: str, otherwise: GatewayError) -> None:
        """Notes that a second factor is no more; `otherwise` if there is none."""
        row = {"b_environment": self._environment, "b_login": login}
        work.write(_DROP_FACTOR, row, expect=1, otherwise=otherwise)

    def use_step(self, work: UnitOfWork, login: str, step: int, otherwise: GatewayError) -> None:
        """Notes that the code of a step of time is used up; `otherwise` if it was already, by anybody."""
        row = {"b_environment": self._environment, "b_login": login, "b_step": step}
        work.write(_USE_STEP, row, expect=1, otherwise=otherwise)

    def _context(self, login: str) -> bytes:
        return f"operator-factor|{self._environment}|{login}".encode()

    # --- sessions ---

    async def session(self, digest: bytes, now: int) -> SessionRow | None:
        """A session that was not ended, is not over, and whose operator is not shut out."""
        rows = await self._database.fetch(_SESSION, {"digest": digest, "now": now})
        return SessionRow(**rows[0]._asdict()) if rows else None

    async def sessions(self, now: int) -> list[SessionRow]:
        """All such sessions of this environment."""
        rows = await self._database.fetch(_SESSIONS, {"environment": self._environment, "now": now})
        return [SessionRow(**row._asdict()) for row in rows]

    async def shut_out(self, login: str, now: int) -> bool:
        """Whether an operator is revoked."""
        return bool(await self._database.fetch(_SHUT_OUT, {"login": login, "now": now}))

    def shut(self, work: UnitOfWork, login: str, actor: str, reason: str, at: datetime) -> None:
        """Notes that an operator is shut out, and that its sessions end."""
        told = Revocation(kind=_KIND, name=login, at=at, until=None, actor=actor, reason=reason)
        self._revocations.add(work, told)
        self.end_all(work, login, int(at.timestamp() * 1_000))

    def lift(self, work: UnitOfWork, login: str, actor: str, at: datetime) -> None:
        """Notes that an operator may come in again."""
        self._revocations.lift(work, _KIND, login, actor, at)

    def open_session(self, work: UnitOfWork, row: SessionRow) -> None:
        """Notes a new session."""
        work.write(_ADD_SESSION, {name: getattr(row, name) for name in SessionRow.__dataclass_fields__})

    def touch(self, work: UnitOfWork, digest: bytes, at: int) -> None:
        """Notes that a session was used."""
        work.write(_TOUCH, {"b_digest": digest, "b_at": at})

    def end(self, work: UnitOfWork, digest: bytes, at: int) -> None:
        """Notes the end of a session."""
        work.write(_END, {"b_digest": digest, "b_at": at})

    def end_all(self, work: UnitOfWork, login: str, at: int) -> None:
        """Notes the end of every session of an operator."""
        work.write(_END_ALL, {"b_environment": self._environment, "b_login": login, "b_at": at})

    # --- failed logins ---

    async def attempt(self, login: str, source: str, at: int) -> int:
        """Counts an attempt as failed before it is tried, so that no two at a time pass the limit."""
        key, work = self._new_key(), UnitOfWork()
        work.write(_ADD_FAILURE, {"key": key, "login": login, "source": source, "at": at})
        await self.write(work)
        return key

    async def failures(self, login: str, source: str, since: int) -> int:
        """Attempts since an instant: of the account or of the source, whichever has more."""
        told = {"login": login, "source": source, "since": since}
        row = (await self._database.fetch(_COUNT, told))[0]
        return int(max(row.of_login, row.of_source))

    def uncount(self, work: UnitOfWork, key: int) -> None:
        """Notes that an attempt does not count."""
        work.write(_DROP_FAILURE, {"b_key": key})

    def forget_failures(self, work: UnitOfWork, before: int) -> None:
        """Notes that old attempts are forgotten."""
        work.write(_FORGET, {"b_at": before})

    # --- the operators' trail ---

    def note(self, work: UnitOfWork, line: str, at: int) -> None:
        """Notes a line of the trail."""
        work.write(_ADD_EVENT, {"key": self._new_key(), "at": at, "line": line, "sent_at": None})

    async def unsent(self, count: int) -> Sequence[tuple[int, str]]:
        """The oldest lines that the receiver does not have, with their keys."""
        return [(row.key, row.line) for row in await self._database.fetch(_UNSENT.limit(count))]

    def sent(self, work: UnitOfWork, keys: Sequence[int], at: int) -> None:
        """Notes that the receiver has these lines."""
        work.write(_SENT, *({"b_key": key, "b_at": at} for key in keys))

    def forget(self, work: UnitOfWork, before: int, *, only_sent: bool) -> None:
        """Notes that sessions and lines from before an instant are forgotten; or of lines what was sent."""
        work.write(_OLD_SENT if only_sent else _OLD_EVENTS, {"b_at": before})
        work.write(_OLD_SESSIONS, {"b_at": before})

    async def lines(self) -> list[str]:
        """The trail, oldest first."""
        return [row.line for row in await self._database.fetch(_LINES)]
