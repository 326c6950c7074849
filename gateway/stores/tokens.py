"""Authorization codes until they are used, tokens and assertions until they expire (RFC 6749 4.1, IUA)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, delete, insert, select

from gateway.crypto.envelope import KeyTree, open_text, seal_text
from gateway.errors import GatewayError
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

_C, _T = tables.authorization_code.c, tables.issued_token.c
_BY_DIGEST = select(_C.content).where(_C.digest == bindparam("digest"), _C.expires_at > bindparam("now"))
_IN_FORCE = select(_T.id).where(_T.id == bindparam("id"), _T.expires_at > bindparam("now"))
_LISTED = select(*_T).where(_T.expires_at > bindparam("now")).order_by(_T.issued_at, _T.id)
_KEEP = insert(tables.authorization_code)
_NOTE = insert(tables.issued_token)
_USE = delete(tables.authorization_code).where(_C.digest == bindparam("b_digest"))
_FORGET_CODES = delete(tables.authorization_code).where(_C.expires_at <= bindparam("b_now"))
_FORGET_TOKENS = delete(tables.issued_token).where(_T.expires_at <= bindparam("b_now"))
_CODE_OCTETS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token or assertion: `id` is its jti or ID, `kind` "access-token" or "assertion"."""

    id: str
    kind: str
    client: str
    subject: str
    at: datetime
    expires: datetime


class TokenStore:
    """Reads at once; what is kept, used or forgotten is noted in the unit of work."""

    def __init__(self, database: Database, keys: KeyTree) -> None:
        self._database = database
        self._key = keys.derived(b"authorization codes")

    def keep_code(self, work: UnitOfWork, content: bytes, expires: datetime) -> str:
        """Notes what a new code stands for, and gives the code: 43 characters of base64url."""
        code = secrets.token_urlsafe(_CODE_OCTETS)
        digest = _digest(code)
        sealed = seal_text(self._key, digest.encode(), content)
        work.write(_KEEP, {"digest": digest, "content": sealed, "expires_at": millis(expires)})
        return code

    async def code(self, code: str, now: datetime) -> bytes | None:
        """What a code stands for; None when it is unknown, used or over."""
        digest = _digest(code)
        rows = await self._database.fetch(_BY_DIGEST, {"digest": digest, "now": millis(now)})
        return open_text(self._key, digest.encode(), rows[0].content) if rows else None

    def use_code(self, work: UnitOfWork, code: str, otherwise: GatewayError) -> None:
        """Notes that a code was used; `otherwise` is raised if another request was faster."""
        work.write(_USE, {"b_digest": _digest(code)}, otherwise=otherwise, expect=1)

    def note(self, work: UnitOfWork, issued: Issued) -> None:
        """Notes a token or assertion that was issued."""
        work.write(
            _NOTE,
            {
                "id": issued.id,
                "kind": issued.kind,
                "client": issued.client,
                "subject": issued.subject,
                "issued_at": millis(issued.at),
                "expires_at": millis(issued.expires),
            },
        )

    async def in_force(self, identifier: str, now: datetime) -> bool:
        """Whether it was issued here and has not expired."""
        return bool(await self._database.fetch(_IN_FORCE, {"id": identifier, "now": millis(now)}))

    async def listed(self, now: datetime) -> Sequence[Issued]:
        """What is in force or revoked, and not expired; oldest first."""
        rows = await self._database.fetch(_LISTED, {"now": millis(now)})
        return [
            Issued(
                id=row.id,
                kind=row.kind,
                client=row.client,
                subject=row.subject,
                at=_time(row.issued_at, now),
                expires=_time(row.expires_at, now),
            )
            for row in rows
        ]

    def forget(self, work: UnitOfWork, now: datetime) -> None:
        """Notes the removal of what is over."""
        work.write(_FORGET_CODES, {"b_now": millis(now)})
        work.write(_FORGET_TOKENS, {"b_now": millis(now)})


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def _time(at: int, like: datetime) -> datetime:
    return datetime.fromtimestamp(at / 1000, like.tzinfo)
