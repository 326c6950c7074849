"""Whom a query finds, page by page (ITI TF-2 3.21.4.1.3, 3.21.4.2.2.9, 3.22.4.1.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from gateway.declare.bindings import Segment
from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.errors import Defect, Meaning, Refused
from gateway.record.patients import Person
from profiles.pdq.wire.request import PersonQuery, placed, wanted_domains
from profiles.pix.wire.query import refused

_UNKNOWN_POINTER = "this continuation is not known, or not any more; begin the query again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Persons in one answer; `pointer` is where the next goes on, None after the last."""

    persons: tuple[Person, ...]
    pointer: str | None

    @property
    def end(self) -> tuple[Segment, ...]:
        """DSC, unless this is the last page."""
        return (Segment("DSC", (self.pointer, "I")),) if self.pointer is not None else ()


Persons = tuple[Person, ...]
Suiting = Callable[[Persons], Awaitable[Persons]]
"""Leaves out whom a transaction does not want of those that the index finds."""


async def everybody(persons: Persons) -> Persons:
    """Leaves out nobody."""
    return persons


def domains_of(call: Call[PersonQuery], services: Services) -> tuple[str, ...] | None:
    """The domains whose identifiers are wanted; see `wanted_domains`."""
    if call.node is None:
        raise Defect("a query comes from a node")
    return wanted_domains(call.request, services.domain, call.node.name)


async def page(call: Call[PersonQuery], services: Services, suiting: Suiting = everybody) -> Page:
    """The persons of a query, or of its next page. Refused when the index refuses, or a domain is unknown."""
    query = call.request
    if query.pointer is not None:
        persons, rest = await _continued(call, services, query.pointer, suiting)
    else:
        persons, rest = await _begun(call, services, suiting)
    pointer = await services.index.keep(call, query.tag, rest) if rest else None
    return Page(persons=persons, pointer=pointer)


_Found = tuple[Persons, Sequence[int]]
"""Persons of this answer, and the keys of those that are left."""


async def _begun(call: Call[PersonQuery], services: Services, suiting: Suiting) -> _Found:
    query, domains = call.request, domains_of(call, services)
    try:
        found = await suiting(await services.index.search(call, replace(query.wanted, domains=domains)))
    except Refused as error:
        raise placed(error) from error
    most = query.quantity or len(found)
    return found[:most], [each.key for each in found[most:]]


async def _continued(call: Call[PersonQuery], services: Services, pointer: str, suiting: Suiting) -> _Found:
    """The next persons as they are now; who is not to be seen any more is passed over."""
    query, domains = call.request, domains_of(call, services)
    resumed = await services.index.resume(call, pointer)
    if resumed is None or resumed[0] != query.tag:
        raise refused(Meaning.UNKNOWN_KEY, _UNKNOWN_POINTER, "DSC^1^1")
    rest = resumed[1]
    most = query.quantity or len(rest)
    persons: Persons = ()
    while rest and len(persons) < most:
        missing = most - len(persons)
        persons += await suiting(await services.index.persons(call, rest[:missing], domains))
        rest = rest[missing:]
    return persons, rest
