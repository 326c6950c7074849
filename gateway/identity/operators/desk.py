"""Logging in and out: directory first, one-time code second; sessions; the same answer to every failure."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from gateway.config.operators import OperatorRole, Operators
from gateway.errors import Busy, GatewayError, OperatorRefused
from gateway.identity.operators.factor import invitation, new_factor, step_of
from gateway.identity.operators.model import REFUSED, Operator, Source
from gateway.identity.operators.trail import Trail, reason_of
from gateway.stores.operators import Factor, OperatorStore, SessionRow
from gateway.stores.work import UnitOfWork

LOGGED_OUT = "no session of an operator"
WINDOW = timedelta(hours=1)
AT_ONCE = 4
"""Questions to the directory at a time; each holds a thread."""
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_CODE = re.compile(r"[0-9]{6}")
_IDLE_STEPS = 20
_STEPS = 4
"""Connections that a login needs one after the other, each with time of its own, and one to spare."""
RolesOf = Callable[[str, str], frozenset[OperatorRole]]
"""Asks the directory for the roles of a login and password; blocks (`OperatorDirectory.roles_of`)."""
_UNKNOWN = Factor(b"\0" * 20, "sha1", 0)


@dataclass(frozen=True, slots=True)
class Login:
    """What somebody says at the door, and where it stands (an address, or this machine)."""

    login: str
    password: str = field(repr=False)
    code: str = field(repr=False)
    source: str

    @property
    def account(self) -> str:
        """The login as the directory compares it; empty when it cannot be one."""
        name = self.login.lower()
        return name if _LOGIN.fullmatch(name) else ""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. The token is given out here once, and never kept."""

    operator: Operator
    token: str = field(repr=False)
    expires: datetime


class OperatorDesk:
    """The only way in for operators of one environment; every outcome stands in the operators' trail."""

    def __init__(
        self,
        told: Operators,
        environment: str,
        store: OperatorStore,
        trail: Trail,
        clock: Callable[[], datetime],
        roles_of: RolesOf,
    ) -> None:
        self._told = told
        self._environment = environment
        self._store = store
        self._trail = trail
        self._clock = clock
        self._roles_of = roles_of
        self._room = asyncio.Semaphore(AT_ONCE)

    # --- in ---

    async def login(self, given: Login) -> Session:
        """A new session; OperatorRefused in the same words and after the same time whatever was wrong."""
        began = time.monotonic()
        work, account = UnitOfWork(), given.account
        try:
            roles = await self._known(given, work)
            await self._second_factor(given, work)
            session = self._opened(account, roles, given.source, work)
            self._note(work, "login", good=True, operator=session.operator, source=given.source)
            await self._store.write(work)
        except OperatorRefused as error:
            await self._refused("login", given, error)
            await self._wait(began)
            raise OperatorRefused(REFUSED, reason=error.reason) from None
        return session

    async def enrol(self, given: Login) -> str:
        """A first second factor, after login and password; the otpauth address is told here once."""
        began = time.monotonic()
        work, account = UnitOfWork(), given.account
        factor = new_factor(self._told.totp_digest)
        try:
            await self._known(given, work)
            text = "has a second factor already; a security officer can reset it"
            taken = OperatorRefused(text, reason="has a second factor already")
            self._store.add_factor(work, account, factor, self._now(), taken)
            self._note(work, "enrol", good=True, operator=None, login=account, source=given.source)
            await self._store.write(work)
        except OperatorRefused as error:
            await self._refused("enrol", given, error)
            await self._wait(began)
            raise
        return invitation(factor, account, self._environment)

    async def _known(self, given: Login, work: UnitOfWork) -> frozenset[str]:
        """The roles by the directory. The attempt is counted first, and taken back in `work`."""
        key = await self._counted(given, work)
        if not given.account or await self._store.shut_out(given.account, self._now()):
            raise OperatorRefused(REFUSED, reason="not a login, or revoked")
        try:
            return await self._asked(given)
        except Busy as error:
            back = UnitOfWork()
            self._store.uncount(back, key)
            self._note(
                back, "login", good=False, login=given.account, source=given.source, reason=error.detail
            )
            await self._store.write(back)
            raise

    async def _asked(self, given: Login) -> frozenset[OperatorRole]:
        """The directory's answer; Busy when all its steps together take too long."""
        try:
            async with asyncio.timeout(_STEPS * self._told.answer_seconds), self._room:
                return await asyncio.to_thread(self._roles_of, given.account, given.password)
        except TimeoutError as error:
            raise Busy("the directory of operators takes too long") from error

    async def _counted(self, given: Login, work: UnitOfWork) -> int:
        """Refuses the one too many; what is refused so is not counted itself, so the door opens again."""
        now = self._clock()
        since = _milliseconds(now - WINDOW)
        account = given.account or "-"
        key = await self._store.attempt(account, given.source, _milliseconds(now))
        if await self._store.failures(account, given.source, since) > self._told.failures_per_hour:
            back = UnitOfWork()
            self._store.uncount(back, key)
            await self._store.write(back)
            raise OperatorRefused(REFUSED, reason="too many failures in an hour")
        self._store.uncount(work, key)
        self._store.forget_failures(work, since)
        return key

    async def _second_factor(self, given: Login, work: UnitOfWork) -> None:
        factor = await self._store.factor(given.account)
        code = given.code if _CODE.fullmatch(given.code) else "------"
        step = step_of(factor or _UNKNOWN, code, self._clock())
        if factor is None:
            raise OperatorRefused(REFUSED, reason="no second factor is enrolled")
        if step is None:
            raise OperatorRefused(REFUSED, reason="code refused")
        used = OperatorRefused(REFUSED, reason="code was used before")
        self._store.use_step(work, given.account, step, used)

    def _opened(self, login: str, roles: frozenset[str], source: str, work: UnitOfWork) -> Session:
        token = f"{self._environment}.{secrets.token_urlsafe(32)}"
        now = self._clock()
        expires = now + timedelta(seconds=self._told.session_seconds)
        row = SessionRow(
            digest=token_digest(token),
            name=secrets.token_hex(8),
            environment=self._environment,
            login=login,
            roles=" ".join(sorted(roles)),
            source=source,
            at=_milliseconds(now),
            used_at=_milliseconds(now),
            expires_at=_milliseconds(expires),
        )
        self._store.open_session(work, row)
        return Session(_operator(row), token, expires)

    async def _refused(self, event: str, given: Login, error: OperatorRefused) -> None:
        work = UnitOfWork()
        self._note(
            work, event, good=False, login=given.account or "-", source=given.source, reason=error.reason
        )
        await self._store.write(work)

    async def _wait(self, began: float) -> None:
        """Every refusal takes the same time, however early it was found."""
        await asyncio.sleep(max(0.0, began + self._told.refusal_seconds - time.monotonic()))

    # --- inside ---

    async def who(self, token: str, source: str) -> Session:
        """The open session of a token; OperatorRefused when it ended, was idle too long, or is none."""
        now = self._now()
        row = await self._store.session(token_digest(token), now)
        idle = int(self._told.idle_seconds * 1_000)
        reason = None
        if row is None or row.environment != self._environment:
            reason = "no such session, or it has ended"
        elif now - row.used_at > idle:
            reason = "the session was idle too long"
        if row is None or reason is not None:
            await self._knock(source, reason or "", row)
            raise OperatorRefused(LOGGED_OUT, reason=reason or "")
        if now - row.used_at > idle // _IDLE_STEPS:
            work = UnitOfWork()
            self._store.touch(work, row.digest, now)
            await self._store.write(work)
        return Session(
            _operator(row), token, datetime.fromtimestamp(row.expires_at / 1_000, self._clock().tzinfo)
        )

    async def logout(self, token: str, source: str) -> None:
        """Ends the session of a token at once, everywhere."""
        session = await self.who(token, source)
        work = UnitOfWork()
        self._store.end(work, token_digest(token), self._now())
        self._note(work, "logout", good=True, operator=session.operator, source=source)
        await self._store.write(work)

    async def end(self, login: str, by: Operator) -> None:
        """Ends every session of an operator."""
        work = UnitOfWork()
        self._store.end_all(work, login.lower(), self._now())
        self._note(work, "end", good=True, operator=by, target=login)
        await self._store.write(work)

    async def revoke(self, login: str, reason: str, by: Operator) -> None:
        """Shuts an operator out until that is lifted; open sessions end."""
        work, name = UnitOfWork(), login.lower()
        self._store.shut(work, name, by.id, reason, self._clock())
        self._note(work, "revoke", good=True, operator=by, target=name, reason=reason)
        await self._store.write(work)

    async def lift(self, login: str, by: Operator) -> None:
        """Lets an operator in again; OperatorRefused when there is nothing to lift."""
        work, name = UnitOfWork(), login.lower()
        if not await self._store.shut_out(name, self._now()):
            raise OperatorRefused("this operator is not shut out", reason="nothing to lift")
        self._store.lift(work, name, by.id, self._clock())
        self._note(work, "lift", good=True, operator=by, target=name)
        await self._store.write(work)

    async def reset(self, login: str, by: Operator) -> None:
        """Takes the second factor of an operator away and ends its sessions; it has to enrol again."""
        work, name = UnitOfWork(), login.lower()
        none = OperatorRefused("this operator has no second factor here", reason="no second factor")
        self._store.drop_factor(work, name, none)
        self._store.end_all(work, name, self._now())
        self._note(work, "reset", good=True, operator=by, target=name)
        await self._store.write(work)

    async def act(self, act: str, by: Operator, role: str, error: Exception | None = None) -> None:
        """Notes what an operator did or was refused, under which role."""
        work = UnitOfWork()
        reason = "" if error is None else _told(error)
        self._note(work, "act", good=error is None, operator=by, act=act, role=role, reason=reason)
        await self._store.write(work)

    async def knock(self, source: str, reason: str) -> None:
        """Notes somebody at the operators' door who is none."""
        await self._knock(source, reason, None)

    async def _knock(self, source: str, reason: str, row: SessionRow | None) -> None:
        work = UnitOfWork()
        login, session = (row.login, row.name) if row else ("", "")
        self._note(work, "refused", good=False, source=source, reason=reason, login=login, session=session)
        await self._store.write(work)

    def _note(
        self, work: UnitOfWork, event: str, *, good: bool, operator: Operator | None = None, **told: str
    ) -> None:
        who = (
            {}
            if operator is None
            else {
                "login": operator.login,
                "directory": operator.source.value,
                "session": operator.session,
                "roles": " ".join(sorted(operator.roles)),
            }
        )
        line = self._trail.line(event, good=good, at=self._clock(), **who, **told)
        self._store.note(work, line, self._now())

    def _now(self) -> int:
        return _milliseconds(self._clock())


def token_digest(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


def _operator(row: SessionRow) -> Operator:
    return Operator(
        login=row.login,
        source=Source.LDAP,
        environment=row.environment,
        roles=frozenset(row.roles.split()),
        session=row.name,
    )


def _told(error: Exception) -> str:
    return (
        reason_of(error)
        if isinstance(error, OperatorRefused) or not isinstance(error, GatewayError)
        else error.detail
    )


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
