"""ITI-94 Subscribe to Patient Updates (PMIR 2:3.94): a node asks to be told of changed patients.

A node has its own subscriptions and sees no others. Where it wants to be told must be an address that the
operator has listed for it, so that nobody can make us call whom they like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import AuditEvent, EventAction, rest_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.people import Node
from gateway.record.subscriptions import TRANSACTION, Status, Subscription
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import key_of, refused
from profiles.pmir.codes import SUBSCRIPTION_PROFILE
from profiles.pmir.rules import Wanted, read_subscription

_CODE, _TITLE, _SECTION = TRANSACTION, "Subscribe to Patient Updates", "PMIR 2:3.94"
_ACTORS = Actors("Patient Identity Subscriber", "Patient Identity Registry")
_MOST = 100
"""Subscriptions of one node."""
_OURS = ("id", "meta", "status", "error", "text")
"""Elements that are for us to set, or tell of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A subscription to make or change (`wanted`, `text`), to read or to end, by the id in the URL."""

    id: str = ""
    wanted: Wanted | None = None
    text: str = ""
    base: str


@dataclass(frozen=True, kw_only=True)
class Subscribed(Answer):
    """The subscription as it is now; None where it ended. `created` sets Location."""

    subscription: Subscription | None
    base: str
    created: bool = False


# --- wire ----------------------------------------------------------------------------------------


def decode_resource(payload: FhirRequest, domain: Domain) -> Asked:
    """The Subscription in the body, which must not name another than the URL."""
    identifier, resource = payload.variables.get("id", ""), payload.resource
    wanted = read_subscription(resource, domain)
    told: Mapping[str, Any] = resource or {}
    if identifier and told.get("id", identifier) != identifier:
        text = "the id of the Subscription is not that of the URL"
        raise refused(Meaning.DATA_TYPE, text, "Subscription.id")
    kept = {name: value for name, value in told.items() if name not in _OURS}
    return Asked(id=identifier, wanted=wanted, text=orjson.dumps(kept).decode(), base=payload.base)


def decode_id(payload: FhirRequest, domain: Domain) -> Asked:  # noqa: ARG001 - the shape of a codec
    """The id in the URL."""
    return Asked(id=payload.variables["id"], base=payload.base)


def encode(response: Subscribed, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """201 with Location, 200, or 204 for one that ended."""
    held = response.subscription
    if held is None:
        return FhirReply(204, JSON, Octets(b""))
    content = Octets(orjson.dumps(resource_of(held)))
    if not response.created:
        return FhirReply(200, JSON, content)
    return FhirReply(201, JSON, content, {"location": f"{response.base}/Subscription/{held.logical_id}"})


def resource_of(held: Subscription) -> dict[str, Any]:
    """What was asked for, with what became of it."""
    told: dict[str, Any] = orjson.loads(held.text)
    return {
        "resourceType": "Subscription",
        "id": held.logical_id,
        "meta": {"profile": [SUBSCRIPTION_PROFILE]},
        **{name: value for name, value in told.items() if name != "resourceType"},
        "status": held.status.value,
        **({"error": held.error} if held.error else {}),
    }


def target(request: Asked) -> Target:
    """What is asked for stands in the audit as it was sent."""
    return Target(query=QueryText("Subscription", (request.text or f"_id={request.id}").encode()))


# --- what is done --------------------------------------------------------------------------------


async def create(call: Call[Asked], services: Services) -> Subscribed:
    """From the commit on, changes are told."""
    node = _node(call)
    store = services.subscriptions
    if await store.count(node.name) >= _MOST:
        text = f"a system may have {_MOST} subscriptions; end one first"
        raise refused(Meaning.NOT_PERMITTED, text, "Subscription")
    held = _fitting(
        Subscription(
            key=store.new_key(),
            node=node.name,
            status=Status.ACTIVE,
            address="",
            content_type="",
            text="",
        ),
        call.request,
        node,
    )
    store.add(call.work, held, call.at)
    return Subscribed(subscription=held, base=call.request.base, created=True)


async def read(call: Call[Asked], services: Services) -> Subscribed:
    """With its status, and why nothing is told any more."""
    return Subscribed(subscription=await _held(call, services), base=call.request.base)


async def change(call: Call[Asked], services: Services) -> Subscribed:
    """Switched off, asked for again, or asked otherwise. What waited for one that is off is not told."""
    held = await _held(call, services)
    changed = _fitting(held, call.request, _node(call))
    services.subscriptions.change(call.work, changed, call.at)
    return Subscribed(subscription=changed, base=call.request.base)


async def remove(call: Call[Asked], services: Services) -> Subscribed:
    """Nothing is told any more."""
    held = await _held(call, services)
    services.subscriptions.remove(call.work, held.key)
    return Subscribed(subscription=None, base=call.request.base)


def _fitting(held: Subscription, asked: Asked, node: Node) -> Subscription:
    """As it was asked for; refused for an address that the operator has not listed for the node."""
    wanted = asked.wanted
    if wanted is None:
        raise Defect("a subscription was asked for without a resource")
    if not wanted.address.startswith("https://") or not node.takes_notices_at(wanted.address):
        text = "the endpoint is none of the addresses that this system is enrolled with"
        raise refused(Meaning.NOT_PERMITTED, text, "Subscription.channel.endpoint")
    return replace(
        held,
        status=Status.ACTIVE if wanted.active else Status.OFF,
        address=wanted.address,
        content_type=wanted.content_type,
        text=asked.text,
        criteria=wanted.criteria,
        error="",
    )


async def _held(call: Call[Asked], services: Services) -> Subscription:
    """The node's own; another's and none get the same answer."""
    key = key_of(call.request.id)
    held = await services.subscriptions.find(key) if key is not None else None
    if held is None or held.node != _node(call).name:
        text = "no subscription is available at this URL"
        raise Refused(Problem(Meaning.NOT_FOUND, text, "Subscription"))
    return held


def _node(call: Call[Asked]) -> Node:
    if not call.scope.persons:
        raise PermissionError("this scope does not allow queries of patients")
    if call.node is None:
        raise Defect("a subscription belongs to a node")
    return call.node


def _declared(
    method: str, action: EventAction, decode: Any, handle: Any, *, one: bool
) -> Transaction[Asked, Subscribed]:
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section=_SECTION,
        actors=_ACTORS,
        binding=Fhir(
            method=method,
            path="/Subscription/{id}" if one else "/Subscription",
            profiles=(SUBSCRIPTION_PROFILE,),
        ),
        action=Action.PATIENT_QUERY,
        audit=_audit(action),
        codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
        target=target,
        handle=handle,
    )


def _audit(action: EventAction) -> AuditEvent:
    return rest_event(_CODE, _TITLE, action)


TRANSACTIONS = (
    _declared("POST", EventAction.CREATE, decode_resource, create, one=False),
    _declared("GET", EventAction.READ, decode_id, read, one=True),
    _declared("PUT", EventAction.UPDATE, decode_resource, change, one=True),
    _declared("DELETE", EventAction.DELETE, decode_id, remove, one=True),
)
