"""ITI-22 Patient Demographics and Visit Query, HL7 v2.5 (ITI TF-2 3.22): persons, each with a visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.bindings.hl7v2 import Message
from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Transaction
from gateway.errors import Problem
from gateway.record.domain import Domain
from gateway.record.visits import Visit
from profiles.pdq.rules import Page, Persons, domains_of, page
from profiles.pdq.wire.request import PersonQuery, read_query, target
from profiles.pdq.wire.visit import pv1, wanted_visit
from profiles.pix.wire.pid_write import pid

_CODE = "ITI-22"
_TITLE = "Patient Demographics and Visit Query"
_RESPONSE = ("RSP", "ZV2", "RSP_ZV2")


@dataclass(frozen=True, kw_only=True)
class FoundVisits(Answer):
    """One page of persons, and the visit of each by person key; None where nothing is known of one."""

    page: Page
    visits: dict[int, Visit | None]


def decode(message: Message, domain: Domain) -> PersonQuery:
    """QPD, RCP and DSC, with criteria about PV1."""
    return read_query(message, domain, with_visit=True)


def encode(response: FoundVisits, domain: Domain) -> Hl7Reply:
    """RSP^ZV2: PID and PV1 for each person, and DSC where there are more."""
    told = response.page
    pairs = tuple(
        segment
        for number, each in enumerate(told.persons, 1)
        for segment in (
            pid(each.identifiers, each.demographics, domain, number=number),
            pv1(response.visits[each.key]),
        )
    )
    return Hl7Reply(response=_RESPONSE, segments=(*pairs, *told.end))


def refuse(problems: tuple[Problem, ...]) -> Hl7Reply:
    """RSP^ZV2 with an ERR for each problem."""
    return Hl7Reply(problems, response=_RESPONSE)


async def handle(call: Call[PersonQuery], services: Services) -> FoundVisits:
    """The persons that ITI-21 finds, without those who have no visit like the one asked for."""

    async def suiting(persons: Persons) -> Persons:
        if not call.request.visit:
            return persons
        visits = await _visits(call, services, persons)
        return tuple(each for each in persons if visits[each.key] is not None)

    told = await page(call, services, suiting)
    return FoundVisits(page=told, visits=await _visits(call, services, told.persons))


async def _visits(call: Call[PersonQuery], services: Services, persons: Persons) -> dict[int, Visit | None]:
    """For each person the newest visit that fits, of the identities that the answer names."""
    domains = domains_of(call, services)
    records = await services.index.records(call, [each.key for each in persons], domains)
    told: dict[int, list[Visit]] = {each.key: [] for each in persons}
    for record, visit in await services.visits.latest(records):
        told[records[record]].append(visit)
    return {key: wanted_visit(visits, call.request.visit) for key, visits in told.items()}


VISIT_QUERY: Transaction[PersonQuery, FoundVisits] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.22",
    actors=Actors("Patient Demographics Consumer", "Patient Demographics Supplier"),
    binding=Hl7v2(message="QBP", triggers=("ZV1",), structure="QBP_Q21", version="2.5"),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
TRANSACTIONS: tuple[Transaction[Any, Any], ...] = (VISIT_QUERY,)
