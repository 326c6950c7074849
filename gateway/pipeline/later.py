"""Answers that leave later, to an address the sender named (ITI TF-2 V.5, WS-Addressing 1.0 core 3.4).

The address is the sender's word, so it counts only when the message is proven and the operator has listed it
for that node. Until then, and where the message itself is in doubt, the answer leaves on the connection.
"""

from __future__ import annotations

from gateway.declare.bindings import NOWHERE, Proven, Sealed, Soap
from gateway.declare.transaction import AnyTransaction
from gateway.errors import AnonymousOnly, ReplyAddressRefused, ReplyUndeliverable, SignatureBroken
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.record.people import Node
from gateway.stores.content import LARGE
from gateway.stores.work import UnitOfWork

ACCEPTED = 202


async def admit(proven: Proven, transaction: AnyTransaction, node: Node, engine: Engine) -> None:
    """Raises unless every address is one that this node may name for this transaction; Busy without room."""
    for name, address in (("wsa:ReplyTo", proven.reply_to), ("wsa:FaultTo", proven.fault_to)):
        if address is not None:
            _check(address, name, transaction, node)
    await engine.outbox.check_room(node.name)


def _check(address: str, name: str, transaction: AnyTransaction, node: Node) -> None:
    binding = transaction.binding
    if not isinstance(binding, Soap) or not binding.asynchronous:
        raise AnonymousOnly(
            f"{name} is not anonymous; {transaction.code} is answered on the same connection only",
            location=name,
        )
    if address != NOWHERE and not node.takes_replies_at(address):
        raise ReplyAddressRefused(
            f"{name} is none of the addresses that node {node.name} is enrolled with",
            location=name,
            address=address,
        )


def reply_address(x: Exchange, error: Exception | None = None, *, fault: bool = False) -> str | None:
    """Where the answer goes, if not on the connection."""
    proven: Proven | None = x.known("proven")
    if proven is None or isinstance(error, ReplyUndeliverable) or _replayed(x, error):
        return None
    return proven.fault_to if fault else proven.reply_to


def _replayed(x: Exchange, error: Exception | None) -> bool:
    """The address gets the answer to the first message, and no fault about the second."""
    return isinstance(error, SignatureBroken) and x.stage == "commit"


async def leave(x: Exchange, engine: Engine, work: UnitOfWork, answer: Sealed, address: str) -> Sealed:
    """Notes the answer in the outbox; gives what leaves on the connection instead."""
    if address != NOWHERE:
        large = answer.size > LARGE
        octets = await engine.heavy.do(octets_of, answer) if large else octets_of(answer)
        await engine.outbox.put(
            work,
            node=x.node.name,
            address=address,
            trace_id=x.trace_id,
            transaction=x.transaction.code,
            content_type=answer.headers["content-type"],
            octets=octets,
            at=x.at,
        )
    return Sealed(status=ACCEPTED, headers={"x-request-id": x.trace_id})


def octets_of(answer: Sealed) -> bytes:
    """The answer in one piece."""
    return b"".join(answer.chunks())
