"""Who subscribed to what, and a desk at which persons change and messages for subscribers are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.bindings.hl7v2 import Message, read_message
from gateway.cli.compose import Gateway
from gateway.config import Limits
from gateway.declare.notification import About
from gateway.declare.transaction import Call
from gateway.identity.systems import system_principal
from gateway.pipeline.announce import announce
from gateway.record.access import Scope
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.patients import PatientFeed, PatientMerge, PersonChange
from gateway.record.people import PatientId
from gateway.stores.tables import outbox
from gateway.stores.work import UnitOfWork

XAD, WARD, LAB, SECRET = "2.999.1.1", "2.999.3.1", "2.999.3.2", "2.999.3.3"
DOMAINS = f"""
[identity.domains.WARD]
oid = "{WARD}"
[identity.domains.LAB]
oid = "{LAB}"
[identity.domains.SECRET]
oid = "{SECRET}"
readers = ["hospital"]
"""
ANNA = Demographics(
    names=(PersonName(family="Weber", given=("Anna",)),),
    birth_date="19800214",
    sex="F",
    addresses=(Address(lines=("Rue de la Gare 7",), city="Luxembourg", postcode="1611", country="LUX"),),
    telecoms=(Telecom(value="+352621123456"),),
)
PAUL = Demographics(
    names=(PersonName(family="Klein", given=("Paul",)),),
    birth_date="19520703",
    sex="M",
    addresses=(Address(lines=("Grand-Rue 12",), city="Wiltz", postcode="9530", country="LUX"),),
    telecoms=(Telecom(value="+352621777888"),),
)


def ward(value: str) -> PatientId:
    return PatientId(value, WARD)


def lab(value: str) -> PatientId:
    return PatientId(value, LAB)


def notify(form: str, *domains: str, port: int = 2600) -> str:
    listed = ", ".join(f'"{each}"' for each in domains or ("*",))
    scheme = "mllps" if form in {"ITI-10", "ITI-64"} else "https"
    return f'\n[[notify]]\nform = "{form}"\naddress = "{scheme}://localhost:{port}"\ndomains = [{listed}]\n'


@dataclass
class Desk:
    """An index whose changes are told; `waiting` is what stands in the outbox."""

    gateway: Gateway
    home: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    seconds: int = 0

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)  # type: ignore[arg-type]

    def call(self) -> Call[None]:
        self.seconds += 1
        node = self.gateway.nodes.named("hospital")
        assert node is not None
        return Call(
            request=None,
            principal=system_principal(node),
            scope=Scope(unrestricted=True, persons=True),
            work=UnitOfWork(),
            at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC) + timedelta(seconds=self.seconds),
            node=node,
            trace_id=f"{self.seconds:032x}",
        )

    def change(self, act: Callable[[Any, Call[None]], Awaitable[tuple[PersonChange, ...]]]) -> None:
        call = self.call()

        async def main() -> None:
            changes = await act(self.gateway.engine.services.index, call)
            await announce(changes, self.gateway.engine, call.work, call.at, call.trace_id)
            await self.gateway.engine.committer.commit(call.work)

        self.run(main())

    def feed(self, *ids: PatientId, told: Demographics = ANNA) -> None:
        message = PatientFeed(identifiers=ids, demographics=told, message_id="m")
        self.change(lambda index, call: index.feed(call, message))

    def link(self, first: PatientId, second: PatientId) -> None:
        self.change(lambda index, call: index.link(call, first, second, "seen"))

    def unlink(self, first: PatientId, second: PatientId) -> None:
        self.change(lambda index, call: index.unlink(call, first, second, "seen"))

    def merge(self, survivor: PatientId, subsumed: PatientId) -> None:
        message = PatientMerge(survivor=survivor, subsumed=subsumed, message_id="m")
        self.change(lambda index, call: index.merge(call, message))

    def waiting(self) -> list[tuple[str, bytes, About]]:
        """Takes everything out of the outbox, in its order: transaction, payload, and what it is about."""

        async def main() -> list[tuple[str, bytes, About]]:
            engine, found = self.gateway.engine, []
            rows = await self.gateway.database.fetch(select(outbox.c.key).order_by(outbox.c.key))
            now = datetime(2026, 3, 4, 12, tzinfo=UTC)
            for row in rows:
                claimed = await engine.outbox.claim(row.key, now, now + timedelta(minutes=1))
                assert claimed is not None
                payload = await engine.outbox.open(claimed)
                about = About.load(engine.outbox.open_about(claimed))
                found.append((claimed.transaction, payload, about))
                work = UnitOfWork()
                engine.outbox.remove(work, claimed)
                await engine.committer.commit(work)
            return found

        return self.run(main())  # type: ignore[no-any-return]

    def sets(self) -> list[set[PatientId]]:
        """The identifiers of each ITI-10 that waits."""
        return [told(read_message(payload, Limits())) for _, payload, _ in self.waiting()]

    def close(self) -> None:
        self.run(self.gateway.close())
        self.loop.close()


def told(message: Message, field: str = "PID-3") -> set[PatientId]:
    return {
        PatientId(message.value(f"{field}[{at}].1") or "", message.value(f"{field}[{at}].4.2") or "")
        for at in range(1, message.repetitions(field) + 1)
    }
