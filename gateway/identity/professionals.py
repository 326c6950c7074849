"""Professionals as the issuing of tokens knows them, from the directory (ITI HPD 3.58; ISO 21091)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.directory.book import ProviderDirectory
from gateway.directory.rules import active, certificates, oids
from gateway.record.directory import Entry
from gateway.record.people import Code
from gateway.tokens.people import Membership, Professional

_NATIONAL = "NPI"
"""The kind of identifier that is a national number of providers (HcIdentifier, HPD 3.58.4.1.2.2.2)."""
_PARTS = 4


@dataclass(frozen=True)
class DirectoryProfessionals:
    """Asks the directory each time: who was deactivated gets nothing from then on."""

    directory: ProviderDirectory
    scheme: Callable[[], str]
    """Coding scheme of the matrix, for professions told as a plain code."""

    async def holder(self, thumbprint: str) -> Professional | None:
        """Whose certificate this is; None where not exactly one entry has it."""
        found = await self.directory.holders(thumbprint)
        return await self._told(found[0]) if len(found) == 1 else None

    async def named(self, uid: str) -> Professional | None:
        """The professional an assertion would mean by this name; None for nobody, or more than one."""
        rows = await self.directory.called([uid], "")
        keys = {row.key for row in rows if row.active} or {row.key for row in rows}
        if len(keys) != 1:
            return None
        found = await self.directory.store.keyed(list(keys))
        return await self._told(found[0]) if found else None

    async def _told(self, entry: Entry) -> Professional:
        return Professional(
            uid=entry.place.value,
            name=next(iter(_values(entry, "displayname")), entry.place.value),
            roles=tuple(_code(each, self.scheme()) for each in _values(entry, "hcprofession")),
            memberships=tuple(await self._memberships(entry)),
            active=active(entry),
            certificates=dict(certificates(entry)),
            national_id=_national(entry),
        )

    async def _memberships(self, entry: Entry) -> list[Membership]:
        return [
            Membership(organisation, next(iter(_values(place, "hcregisteredname")), organisation))
            for place in await self.directory.places(entry)
            for organisation in oids(place)
        ]


def _values(entry: Entry, name: str) -> tuple[str, ...]:
    found = entry.attributes.get(name)
    return found.values if found else ()


def _code(profession: str, scheme: str) -> Code:
    """`code^^scheme`, or a plain code of the matrix itself."""
    code, separator, told = profession.partition("^^")
    return Code(code, told if separator else scheme)


def _national(entry: Entry) -> str | None:
    for identifier in _values(entry, "hcidentifier"):
        parts = [each.strip() for each in identifier.split(":")]
        if len(parts) == _PARTS and parts[1] == _NATIONAL and parts[3].lower() == "active":
            return parts[2]
    return None
