"""One function, one directory: who knows professionals, patients and systems (habilitation rule P1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from gateway.directory.book import ProviderDirectory
from gateway.record.access import ASSUMED, Standing
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.stores.patients import PatientStore

UNKNOWN: Final = Standing(missing="unknown")
"""In no directory, or in one under a name that others have too."""
INACTIVE: Final = Standing(missing="inactive")
NOT_A_MEMBER: Final = Standing(missing="not-a-member")
"""The person acts under an organisation that is neither the person's own nor above it."""
ROLE_NOT_HELD: Final = Standing(missing="role-not-held")
NO_PARTNER: Final = Standing(missing="not-for-partners")
"""Operators come through the operators' door only."""

RoleOf = Callable[[Code], str | None]
"""The name of the role in the rights matrix that a code stands for."""


@dataclass(frozen=True, kw_only=True)
class Directories:
    """Asked for each request, so that whoever is deactivated has no access from then on.

    `authorities`: an issuer may call people by numbers of its own; it stands here with the authority that
    assigns them, and its subjects are taken for identifiers of that authority.
    """

    providers: ProviderDirectory
    patients: PatientStore
    role_of: RoleOf
    scheme: Callable[[], str]
    """Coding scheme of the matrix, for professions told as a plain code."""
    professionals_assumed: bool = False
    patients_assumed: bool = False
    authorities: Mapping[str, str] = field(default_factory=dict)

    async def standing(self, principal: Principal, at: datetime) -> Standing:  # noqa: ARG002
        """What the directory of its kind says of a subject now."""
        match principal.kind:
            case SubjectKind.PROFESSIONAL:
                return ASSUMED if self.professionals_assumed else await self._professional(principal)
            case SubjectKind.PATIENT:
                return ASSUMED if self.patients_assumed else await self._patient(principal)
            case SubjectKind.NODE:
                return ASSUMED
            case SubjectKind.OPERATOR:
                return NO_PARTNER

    # --- professionals ---------------------------------------------------------------------------

    async def _professional(self, principal: Principal) -> Standing:
        """One active entry, and every active entry that the assertion names is that one."""
        subject = set(self._names(principal))
        names = sorted(subject | {each for each in principal.provider_ids if each})
        rows = await self.providers.called(names, principal.organisation or "")
        if not rows:
            return UNKNOWN
        active = {row.key: row for row in rows if row.active}
        meant = {row.key for row in rows if row.value in subject} or {row.key for row in rows}
        if not active.keys() & meant:
            return INACTIVE
        if len(active) > 1:
            return UNKNOWN
        return self._judged(next(iter(active.values())), principal)

    def _judged(self, row: Any, principal: Principal) -> Standing:
        if not row.member:
            return NOT_A_MEMBER
        told = orjson.loads(row.standing)
        role = self.role_of(principal.role) if principal.role else None
        if role is None or all(self.role_of(each) != role for each in self._professions(told)):
            return ROLE_NOT_HELD
        return Standing(names=frozenset(told["names"]))

    def _names(self, principal: Principal) -> Iterator[str]:
        yield principal.subject
        if authority := self.authorities.get(principal.issuer):
            yield f"{authority}:{principal.subject}"

    def _professions(self, told: Mapping[str, list[str]]) -> Iterator[Code]:
        """`code^^scheme`, or a plain code of the matrix itself."""
        for profession in told["professions"]:
            code, separator, scheme = profession.partition("^^")
            yield Code(code, scheme if separator else self.scheme())

    # --- patients and those who act for them -----------------------------------------------------

    async def _patient(self, principal: Principal) -> Standing:
        identity = self._identity(principal)
        if identity is None:
            return UNKNOWN
        record = await self.patients.find(identity)
        if record is None:
            return UNKNOWN
        return INACTIVE if record.subsumed or record.removed else ASSUMED

    def _identity(self, principal: Principal) -> PatientId | None:
        """A CX, or a number of the authority whose identifiers the issuer uses."""
        extension, separator, authority = principal.subject.partition("^^^&")
        if separator:
            root, _, kind = authority.partition("&")
            return PatientId(extension, root) if extension and root and kind == "ISO" else None
        root = self.authorities.get(principal.issuer, "")
        return PatientId(principal.subject, root) if root and "^" not in principal.subject else None
