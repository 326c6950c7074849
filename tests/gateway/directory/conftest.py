"""A directory on both databases, and short ways to say what is done to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.book import ProviderDirectory
from gateway.record.directory import (
    Add,
    Attribute,
    Change,
    Declined,
    Edit,
    Modify,
    ResultCode,
    attributes,
    read_place,
)
from gateway.stores.directory import Trail
from gateway.stores.work import UnitOfWork

BASE = "dc=HPD,o=TEST,c=LU"
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CLASSES = {
    "HCProfessional": "HCProfessional",
    "HCRegulatedOrganization": "HCRegulatedOrganization",
    "Relationship": "groupOfNames",
}


def told(given: Mapping[str, str | Sequence[str]]) -> dict[str, Attribute]:
    return attributes(
        Attribute(name, (value,) if isinstance(value, str) else tuple(value)) for name, value in given.items()
    )


@dataclass
class Desk:
    """The directory of one database."""

    record: Any
    trail: Trail = field(default_factory=lambda: Trail(actor="tester", at=AT, trace_id="0" * 32))

    @property
    def book(self) -> ProviderDirectory:
        return self.record.access.directory

    def dn(self, name: str, unit: str = "HCProfessional") -> str:
        return f"{'cn' if unit == 'Relationship' else 'uid'}={name},ou={unit},{BASE}"

    def person(self, uid: str, /, **given: str | Sequence[str]) -> Add:
        held = {"objectClass": "HCProfessional", "cn": uid, "sn": uid, "displayName": uid}
        held |= {"hpdProviderStatus": "Active", "hcProfession": "PHYSICIAN^^2.999.1.1"}
        return Add(read_place(self.dn(uid)), told({**held, **given}))

    def organisation(self, uid: str, /, **given: str | Sequence[str]) -> Add:
        held = {"objectClass": "HCRegulatedOrganization", "HcRegisteredName": uid}
        return Add(read_place(self.dn(uid, "HCRegulatedOrganization")), told({**held, **given}))

    def group(self, cn: str, owner: str, *members: str) -> Add:
        held: dict[str, str | Sequence[str]] = {
            "objectClass": "groupOfNames",
            "owner": self.dn(owner, "HCRegulatedOrganization"),
        }
        if members:
            held["member"] = members
        return Add(read_place(self.dn(cn, "Relationship")), told(held))

    def change(self, dn: str, how: str, name: str, *values: str) -> Modify:
        return Modify(read_place(dn), (Change(how, Attribute(name, values)),))

    def work(self, *edits: Edit) -> tuple[UnitOfWork, list[ResultCode]]:
        """What a batch would write, and what came of each operation."""
        work, desk, codes = UnitOfWork(), self.book.desk(self.trail), []
        for each in edits:
            try:
                self.record.run(desk.do(each))
            except Declined as error:
                codes.append(error.code)
            else:
                codes.append(ResultCode.SUCCESS)
        desk.note(work)
        return work, codes

    def do(self, *edits: Edit) -> list[ResultCode]:
        work, codes = self.work(*edits)
        self.record.commit(work)
        return codes

    def block(self, dn: str, *, blocked: bool = True) -> None:
        work, desk = UnitOfWork(), self.book.desk(self.trail)
        self.record.run(desk.block(read_place(dn), blocked=blocked))
        desk.note(work)
        self.record.commit(work)

    def shown(self, dn: str) -> dict[str, tuple[str, ...]]:
        """An entry as a search tells it; nothing where it is not there."""
        from gateway.record.directory import Present, Search, SearchScope  # noqa: PLC0415

        search = Search(base=read_place(dn), scope=SearchScope.BASE, filter=Present("objectclass"))
        try:
            found = self.record.run(self.book.search(search))
        except Declined:
            return {}
        return {each.name: each.values for _, held in found.entries for each in held}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres").fresh()
    path = tmp_path / "record.db"
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def desk(url: str, tmp_path: Path, opened: Callable[[str, Path], Any]) -> Iterator[Desk]:
    found = opened(url, tmp_path / "content")
    yield Desk(found)
    found.close()
