"""A whole gateway in the process, over a record of its own."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.cli.compose import Gateway
from gateway.cli.compose import compose as make_gateway
from gateway.cli.partner import Acting
from gateway.config import Settings
from gateway.declare.bindings import Raw, Sealed
from gateway.declare.transaction import AnyTransaction
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import WireForm
from gateway.pipeline.run import run

PATIENT, OTHER = "CONTRACT-1", "CONTRACT-2"
TOLD_AT = "https://localhost:9/told"
"""Where the tester may be told of changed patients; nobody listens there."""


@dataclass
class House:
    """One gateway with its database file, blobs and ways to call it."""

    gateway: Gateway
    settings: Settings

    def partner(self, name: str, role: str) -> Acting:
        return Acting.at(self.settings, name, role)

    def form(self, name: str) -> WireForm:
        provider = self.gateway.provider
        issuing = {"oauth": provider.oauth, "persons": provider.persons, "trust": provider.trust}
        spoken = {"soap": self.gateway.soap, "fhir": self.gateway.fhir, "hl7v2": self.gateway.hl7v2}
        return (spoken | issuing)[name]

    async def call(self, form: str, raw: Raw, engine: Engine | None = None) -> Sealed:
        return await run(raw, self.form(form), engine or self.gateway.engine)

    def peer(self, raw: Raw, name: str) -> Raw:
        signer = self.partner(name, "physician").identity.signer
        assert signer is not None
        return replace(raw, peer_certificate=signer.certificate, peer_host="127.0.0.1")

    def audit_rows(self) -> int:
        return int(self._query("SELECT count(*) FROM audit")[0][0])

    def state(self) -> str:
        """A digest of everything but audit and policy: all tables, and the names of the blobs.

        The key of a week of received events is made before the first of them, and stays.
        """
        running = hashlib.sha256()
        for (table,) in self._query("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name"):
            if not table.startswith(("audit", "policy", "slot_key")):
                running.update(repr(self._query(f"SELECT * FROM {table}")).encode())  # noqa: S608
        blobs = sorted(str(path) for path in self.settings.content.directory.rglob("*") if path.is_file())
        running.update(repr(blobs).encode())
        return running.hexdigest()

    def change(self, statement: str) -> None:
        """Somebody with access to the disk."""
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)

    def _query(self, statement: str) -> list[tuple[object, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement).fetchall()


def standing(installation: Settings, folder: Path, record: Path, content: Path | None = None) -> House:
    """A house in a folder of its own, with a copy of a record."""
    database = folder / "record.db"
    shutil.copy(record, database)
    if content is not None:
        shutil.copytree(content, folder / "content")
    settings = replace(
        installation,
        database=replace(installation.database, url=f"sqlite:///{database}"),
        content=replace(installation.content, directory=folder / "content"),
    )
    return House(make_gateway(settings), settings)


def empty_record(installation: Settings) -> Path:
    return Path(installation.database.url.removeprefix("sqlite:///"))


def transaction_of(house: House, code: str) -> AnyTransaction:
    """By code, or where two actors answer it by code@actor."""
    code, _, actor = code.partition("@")
    return next(
        each
        for each in house.gateway.engine.catalogue.transactions()
        if each.code == code and actor in {"", each.actors.responder}
    )
