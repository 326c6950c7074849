"""ITI-108 Access Consent, search (PCF 2:3.108.4.1.2): by GET or POST, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Naming, QueryText, Target, Transaction
from gateway.record.consents import Consent
from gateway.record.domain import Domain
from profiles.pcf.errors import refuse
from profiles.pcf.iti108_create import ACTORS, CODE, SECTION, TITLE
from profiles.pcf.wire.asking import PARAMETERS, Search, read
from profiles.pcf.wire.consent import resource_of


@dataclass(frozen=True, kw_only=True)
class Found(Answer):
    """How many match, and those of the page."""

    search: Search
    total: int
    shown: Sequence[Consent]

    @property
    def bare(self) -> bool:
        """Nothing was found."""
        return not self.total


def decode(payload: FhirRequest, domain: Domain) -> Search:
    """The parameters of the URL or form."""
    return read(payload, domain)


def encode(response: Found, domain: Domain) -> FhirReply:
    """A Bundle of type searchset, with a link to the next page."""
    search = response.search
    following = search.first + len(response.shown)
    links = [{"relation": "self", "url": search.url(search.first)}]
    if search.count and following < response.total:
        links.append({"relation": "next", "url": search.url(following)})
    entries = [_entry(each, search.base, domain) for each in response.shown]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": response.total,
        "link": links,
        **({"entry": entries} if entries else {}),
    }
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def _entry(consent: Consent, base: str, domain: Domain) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/Consent/{consent.id}",
        "resource": resource_of(consent, domain),
        "search": {"mode": "match"},
    }


def target(request: Search) -> Target:
    """The patient asked for, or the one to whom the consents named belong."""
    patient, by_id = request.patient, isinstance(request.patient, int)
    named = () if patient is not None else (Naming("consent", "logical-id", request.ids),)
    return Target(
        patients=() if patient is None or by_id else (patient,),  # type: ignore[arg-type]
        persons=(patient,) if by_id else (),  # type: ignore[arg-type]
        named=named,
        query=QueryText("Consent", request.received),
    )


async def handle(call: Call[Search], services: Services) -> Found:
    """The newest versions in scope, in the order in which they were first said."""
    search = call.request
    held = await services.access.rights.consents(call)
    matching = [each for each in held if all(test(each) for test in search.tests)]
    shown = matching[search.first : search.first + search.count]
    return Found(search=search, total=len(matching), shown=shown)


TRANSACTION: Transaction[Search, Found] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Consent", parameters=tuple(PARAMETERS.items())),
    action=Action.RIGHTS_READ,
    audit=resource_event(CODE, TITLE, EventAction.EXECUTE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
