"""The search parameters of ITI-81 as a table, and what each asks of the trail (RESTful ATNA 3.81.4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote, urlencode

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.events import FHIR_TRANSACTIONS, TRANSACTIONS, AuditRecord
from gateway.record.people import PatientId
from gateway.trail.fhir import ENTITY_TYPE, OBJECT_ROLE
from profiles.atna.errors import refused
from profiles.atna.iti81_retrieve_audit_event.tokens import (
    Group,
    Test,
    Token,
    agents,
    entities,
    is_one_of,
    patients,
    tokens,
    values,
)
from profiles.atna.wire.dates import EARLIEST, LATEST, Span, read_span

Pairs = Sequence[tuple[str, str]]

DATE, COUNT, PAGE = "date", "_count", "_page"
USUAL_PAGE, LARGEST_PAGE = 50, 200
AGENT, PATIENT, ENTITY = "agent.identifier", "patient.identifier", "entity.identifier"
ADDRESS, ENTITY_KIND, ENTITY_ROLE, SOURCE = "address", "entity-type", "entity-role", "source.identifier"
TYPE, SUBTYPE, OUTCOME = "type", "subtype", "outcome"
PARAMETERS = MappingProxyType(
    {
        DATE: "date",
        ADDRESS: "string",
        AGENT: "token",
        PATIENT: "token",
        ENTITY: "token",
        ENTITY_KIND: "token",
        ENTITY_ROLE: "token",
        SOURCE: "token",
        TYPE: "token",
        SUBTYPE: "token",
        OUTCOME: "token",
        "agent": "reference",
        "patient": "reference",
        "entity": "reference",
        "source": "reference",
    }
)
"""By name, with the type of each, for the capability statement; the last four are those of FHIR R4."""
_ALIASES = MappingProxyType(
    {
        **{name: f"{name}.identifier" for name in ("agent", "patient", "entity", "source")},
        **{f"{name}:identifier": f"{name}.identifier" for name in ("agent", "patient", "entity", "source")},
    }
)
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)
_OUTCOMES = frozenset({"0", "4", "8", "12"})
_MOST_TERMS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search that was understood. `groups` are those of who and what, the one that finds fewest first.

    `types`, `subtypes` and `outcomes` are what the index knows; `tests` what an event itself must show.
    `applied` are the parameters it follows, for the links; `received` all that came, for the audit.
    """

    spans: tuple[tuple[Span, ...], ...]
    groups: tuple[Group, ...]
    types: frozenset[str] | None
    subtypes: frozenset[str] | None
    outcomes: frozenset[int] | None
    tests: tuple[Test, ...]
    pointer: str | None
    count: int
    applied: Pairs
    received: bytes
    base: str

    @property
    def patients(self) -> tuple[PatientId, ...]:
        """Those who are named."""
        return tuple(dict.fromkeys(each for group in self.groups for each in group.patients))

    @property
    def span(self) -> Span:
        """The time in which all that fits lies."""
        since = [min(each.since for each in spans) for spans in self.spans]
        until = [max(each.until for each in spans) for spans in self.spans]
        return Span(max(since, default=EARLIEST), min(until, default=LATEST))

    def in_time(self, at: int) -> bool:
        """Whether the moment is in one span of every parameter."""
        return all(any(each.holds(at) for each in spans) for spans in self.spans)

    @property
    def about(self) -> bytes:
        """What a place in the answer belongs to."""
        return written(self.applied).encode()

    def url(self, pointer: str | None = None) -> str:
        """This page, or the one at a place."""
        page = ((PAGE, pointer),) if pointer else ()
        return f"{self.base}/AuditEvent?{written((*self.applied, (COUNT, str(self.count)), *page))}"


def read(request: FhirRequest, domain: Domain) -> Search:
    """The search; Refused for what is missing, malformed or, where that was asked for, not known here."""
    known, others = _sorted_out(request.parameters)
    if request.strict and others:
        raise Refused(
            *(Problem(Meaning.NOT_SUPPORTED, f"{name}: not supported here", name) for name in others)
        )
    if not any(name == DATE for name, _ in known):
        raise refused(Meaning.MISSING_PARAMETER, "date is required", DATE)
    groups = [_GROUPS[name](name, value, domain) for name, value in known if name in _GROUPS]
    if any(len(each.terms) > _MOST_TERMS for each in groups):
        raise refused(Meaning.TOO_WIDE, "too many values in one parameter", "query")
    types, subtypes = _asked(known, TYPE), _asked(known, SUBTYPE)
    return Search(
        spans=tuple(_spans(value) for name, value in known if name == DATE),
        groups=tuple(sorted(groups, key=lambda each: not each.patients)),
        types=_common([frozenset(token.value for token in each) for each in types]),
        subtypes=_common([_transactions(each) for each in subtypes]),
        outcomes=_outcomes(known),
        tests=(
            *_code_tests(types, subtypes),
            *(_TESTS[name](name, value) for name, value in known if name in _TESTS),
        ),
        pointer=next((value for name, value in known if name == PAGE), None),
        count=min(_count(known), LARGEST_PAGE),
        applied=tuple((name, value) for name, value in known if name not in {COUNT, PAGE}),
        received=written(request.parameters).encode(),
        base=request.base,
    )


def written(parameters: Pairs) -> str:
    """As a query of a URL."""
    return urlencode(parameters, quote_via=quote, safe=",")


def _sorted_out(parameters: Pairs) -> tuple[list[tuple[str, str]], list[str]]:
    """The parameters we know by their names in the supplement, and the names of the others."""
    known, others = [], []
    for name, value in parameters:
        called = _ALIASES.get(name, name)
        if called in PARAMETERS or called in {COUNT, PAGE}:
            known.append((called, value))
        elif name.partition(":")[0] in PARAMETERS:
            raise refused(Meaning.NOT_SUPPORTED, f"{name}: this modifier is not supported", name)
        else:
            others.append(name)
    return known, others


def _spans(value: str) -> tuple[Span, ...]:
    return tuple(read_span(each) for each in value.split(","))


def _asked(known: Pairs, wanted: str) -> list[list[Token]]:
    return [tokens(name, value) for name, value in known if name == wanted]


def _common(sets: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    """What all parameters of a name allow; None where the index cannot tell."""
    given = [each for each in sets if each is not None]
    return frozenset.intersection(*given) if given else None


def _transactions(asked: Sequence[Token]) -> frozenset[str] | None:
    """The index knows the transaction of an event, and none of the other types that it may have."""
    of_transactions = all(each.system in {FHIR_TRANSACTIONS, TRANSACTIONS} for each in asked)
    return frozenset(each.value for each in asked) if of_transactions else None


def _outcomes(known: Pairs) -> frozenset[int] | None:
    found = []
    for asked in _asked(known, OUTCOME):
        codes = {each.value for each in asked}
        if not codes <= _OUTCOMES:
            raise refused(
                Meaning.TABLE_VALUE, f"expected one of {', '.join(sorted(_OUTCOMES, key=int))}", OUTCOME
            )
        found.append(frozenset(map(int, codes)))
    return frozenset.intersection(*found) if found else None


def _count(known: Pairs) -> int:
    given = [value for name, value in known if name == COUNT]
    if not given:
        return USUAL_PAGE
    if len(given) > 1 or not _NUMBER.fullmatch(given[0]):
        raise refused(Meaning.DATA_TYPE, f"{COUNT}: expected one number", COUNT)
    return int(given[0])


# --- tests of an event itself --------------------------------------------------------------------


def _code_tests(types: Sequence[list[Token]], subtypes: Sequence[list[Token]]) -> list[Test]:
    return [*map(_event_test, types), *map(_types_test, subtypes)]


def _event_test(asked: Sequence[Token]) -> Test:
    return lambda record: is_one_of((record.event,), asked)


def _types_test(asked: Sequence[Token]) -> Test:
    return lambda record: is_one_of(record.types, asked)


def _addresses(name: str, value: str) -> Test:
    """A string is found by its beginning, in any case (FHIR R4 search 3.1.1.4.7)."""
    beginnings = tuple(each.lower() for each in values(name, value))
    return lambda record: any((each.address or "").lower().startswith(beginnings) for each in record.agents)


def _kinds(name: str, value: str) -> Test:
    asked = tokens(name, value)
    return lambda record: any(
        each.means(entity.type_code, ENTITY_TYPE) for entity in record.entities for each in asked
    )


def _roles(name: str, value: str) -> Test:
    asked = tokens(name, value)
    return lambda record: any(
        each.means(entity.role, OBJECT_ROLE) for entity in record.entities for each in asked
    )


def _sources(name: str, value: str) -> Test:
    sought = {each.value for each in tokens(name, value)}

    def test(record: AuditRecord) -> bool:
        return record.source_id in sought

    return test


_GROUPS: Mapping[str, Callable[[str, str, Domain], Group]] = MappingProxyType(
    {PATIENT: patients, ENTITY: entities, AGENT: agents}
)
_TESTS: Mapping[str, Callable[[str, str], Test]] = MappingProxyType(
    {ADDRESS: _addresses, ENTITY_KIND: _kinds, ENTITY_ROLE: _roles, SOURCE: _sources}
)
