"""Writes down who is told of changed persons, in the transaction of the change (ITI TF-2 3.10, 3.46, 3.64).

Nothing is sent here: the messages wait in the outbox, so that no caller waits for a receiver. A person is
told as the receiver may see it: identifiers of its domains of interest, if their readers include the node.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.declare.bindings import Fhir, Hl7v2, Oauth, Soap
from gateway.declare.notification import Notification, Telling
from gateway.errors import Defect
from gateway.pipeline.engine import Engine
from gateway.record.domain import Domain
from gateway.record.emergencies import EmergencyNotice
from gateway.record.patients import PersonChange
from gateway.record.people import Node, Subscriber
from gateway.record.subscriptions import Subscription
from gateway.stores.work import UnitOfWork

_FEED = "ITI-93"
"""What subscriptions lead to (PMIR 2:3.94)."""


async def announce(
    changes: Sequence[PersonChange], engine: Engine, work: UnitOfWork, at: datetime, trace_id: str
) -> None:
    """Notes in the unit of work what every subscriber is to be told of some changes."""
    if not changes:
        return
    subscribed = [
        *((node, each, None) for node, each in engine.nodes.subscribed() if _of_persons(each, engine)),
        *(await _subscriptions(engine) if engine.nodes.subscribing() else ()),
    ]
    domain, revoked = engine.services.domain, await engine.revocations.current(at)
    for node, subscriber, subscription in subscribed:
        if revoked.shuts_out(node, at):
            continue
        seen = _seen(changes, node, subscriber, domain)
        if subscription is not None:
            seen = tuple(each for each in seen if subscription.criteria.meet(each))
        if seen:
            telling = Telling(
                changes=seen,
                node=node,
                subscriber=subscriber,
                domain=domain,
                at=at,
                new_id=_new_id,
                subscription=subscription,
            )
            await _note(engine.catalogue.notification(subscriber.form), telling, engine, work, trace_id)


async def announce_notice(
    notice: EmergencyNotice, engine: Engine, work: UnitOfWork, at: datetime, trace_id: str
) -> None:
    """Notes in the unit of work what nodes that take notices to patients are sent of one."""
    for node, subscriber in engine.nodes.subscribed():
        if not _of_persons(subscriber, engine) and subscriber.wants(notice.patient.root):
            telling = Telling(
                changes=(),
                node=node,
                subscriber=subscriber,
                domain=engine.services.domain,
                at=at,
                new_id=_new_id,
                notice=notice,
            )
            await _note(engine.catalogue.notification(subscriber.form), telling, engine, work, trace_id)


def _of_persons(subscriber: Subscriber, engine: Engine) -> bool:
    return engine.catalogue.notification(subscriber.form).of_persons


async def _subscriptions(engine: Engine) -> list[tuple[Node, Subscriber, Subscription | None]]:
    """What nodes asked for themselves, as long as they may, and not where the operator tells them anyway."""
    told = {(node.name, each.form, each.address) for node, each in engine.nodes.subscribed()}
    nodes = {node.name: node for node in engine.nodes.subscribing()}
    return [
        (nodes[each.node], Subscriber(form=_FEED, address=each.address), each)
        for each in await engine.services.subscriptions.active()
        if each.node in nodes and (each.node, _FEED, each.address) not in told
    ]


def _seen(
    changes: Iterable[PersonChange], node: Node, subscriber: Subscriber, domain: Domain
) -> tuple[PersonChange, ...]:
    """The changes as the subscriber is to see them; nothing of what does not concern it."""
    known = domain.identity_domains

    def wanted(root: str) -> bool:
        return subscriber.wants(root) and root in known and known[root].seen_by(node.name)

    narrowed = (each.within(wanted) for each in changes)
    return tuple(each for each in narrowed if not each.empty)


async def _note(
    notification: Notification, telling: Telling, engine: Engine, work: UnitOfWork, trace_id: str
) -> None:
    for notice in notification.write(telling):
        await engine.outbox.put(
            work,
            node=telling.node.name,
            address=telling.subscriber.address,
            trace_id=trace_id,
            transaction=notification.code,
            content_type=notice.content_type or _content_type(notification),
            octets=notice.payload,
            at=telling.at,
            about=notice.about.dump(),
        )


def _content_type(notification: Notification) -> str:
    match notification.binding:
        case Soap(action=action):
            return f'application/soap+xml; charset=UTF-8; action="{action}"'
        case Fhir():
            return "application/fhir+json; charset=utf-8"
        case Hl7v2():
            return "application/hl7-v2"
        case Oauth():
            raise Defect(f"{notification.code} cannot be sent by OAuth")


def _new_id() -> str:
    return str(uuid.uuid4())
