"""A search as a whole: which persons, which identifiers of them, which page (PDQm 2:3.78.4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote, urlencode

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Problem, Refused, TooComplex
from gateway.mpi.query import DateRange, DemographicsQuery
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdqm.iti78_mobile_patient_demographics_query.parameters import (
    EXACT,
    PARAMETERS,
    Asked,
    takes,
)
from profiles.pdqm.iti78_mobile_patient_demographics_query.values import invalid, unsupported

USUAL_PAGE, LARGEST_PAGE = 20, 100
COUNT, PAGE = "_count", "_page"
_MOST_ALTERNATIVES = 20
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_POINTER = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)

Pairs = Sequence[tuple[str, str]]
T = TypeVar("T")

_REFUSED = MappingProxyType(
    {
        "_has": "reverse chaining is not supported",
        "_filter": "filter expressions are not supported",
        "_query": "named queries are not supported",
        "_list": "lists are not supported",
        "_text": "full-text search is not supported",
        "_content": "full-text search is not supported",
    }
)
"""Parameters that would change the meaning of the answer if they were passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search that was understood.

    A person is found who fits one of `queries`. `telecoms`: one of each group must be held, with its system.
    `systems` are the domains chosen, by OID, None for one that is not known; None for no choice. `named` are
    the identifiers asked for, and `keys` the logical ids, where nothing else is. `pointer` asks for the next
    page of an earlier search. `applied` are the parameters that count, for the self link; `received` all that
    came, for the audit.
    """

    queries: tuple[DemographicsQuery, ...] = ()
    telecoms: tuple[tuple[tuple[str, str], ...], ...] = ()
    systems: tuple[str | None, ...] | None = None
    named: tuple[PatientId, ...] = ()
    keys: tuple[int, ...] = ()
    pointer: str | None = None
    count: int
    applied: Pairs
    received: bytes
    base: str

    @property
    def url(self) -> str:
        """The search as it was understood."""
        return f"{self.base}/Patient?{written(self.applied)}"


def read(request: FhirRequest, domain: Domain) -> Search:
    """The search; Refused for what is missing, malformed or not supported."""
    known, others = _sorted_out(request.parameters)
    if request.strict and others:
        raise Refused(
            *(Problem(Meaning.NOT_SUPPORTED, f"{name}: not supported here", name) for name in others)
        )
    count = _page(known)
    given = [(name, value) for name, value in known if name not in {COUNT, PAGE}]
    received = written(request.parameters).encode()
    pointers = [value for name, value in known if name == PAGE]
    if pointers:
        return _next(pointers, count, received, request.base)
    if not given:
        raise Refused(Problem(Meaning.MISSING_PARAMETER, "at least one search parameter is required"))
    asked = Asked(domain)
    for name, value in given:
        plain = name.removesuffix(EXACT)
        PARAMETERS[plain].read(asked, plain, value, name != plain)
    return Search(
        queries=() if asked.nobody else tuple(_queries(asked)),
        telecoms=tuple(asked.telecoms),
        systems=tuple(each for group in asked.domains for each in group) if asked.domains else None,
        named=_alone("identifier", asked.identifiers, given),
        keys=_alone("_id", asked.persons, given),
        count=count,
        applied=(*given, (COUNT, str(count))),
        received=received,
        base=request.base,
    )


def written(parameters: Pairs) -> str:
    """Parameters as the query of a URL."""
    return urlencode(parameters, quote_via=quote, safe=",")


def _next(pointers: Sequence[str], count: int, received: bytes, base: str) -> Search:
    if len(pointers) > 1 or not _POINTER.fullmatch(pointers[0]):
        raise invalid(PAGE, "expected the link of an earlier answer")
    applied = ((PAGE, pointers[0]), (COUNT, str(count)))
    return Search(pointer=pointers[0], count=count, applied=applied, received=received, base=base)


def _sorted_out(parameters: Pairs) -> tuple[list[tuple[str, str]], list[str]]:
    """The parameters we know, and the names of those that may be passed over."""
    known, others = [], []
    for name, value in parameters:
        if takes(name) or name in {COUNT, PAGE}:
            known.append((name, value))
            continue
        plain = name.partition(":")[0]
        if plain in _REFUSED:
            raise unsupported(plain, _REFUSED[plain])
        if "." in name:
            raise unsupported(plain, "chained parameters are not supported")
        others.append(name)
    return known, others


def _page(known: Pairs) -> int:
    """How many entries at most; more than we give is cut, as the self link shows."""
    given = [value for name, value in known if name == COUNT]
    if not given:
        return USUAL_PAGE
    if len(given) > 1 or not _NUMBER.fullmatch(given[0]):
        raise invalid(COUNT, "expected one number")
    return min(int(given[0]), LARGEST_PAGE)


def _queries(asked: Asked) -> list[DemographicsQuery]:
    """One for each choice among alternatives that the index takes one at a time."""
    choices: list[Sequence[DateRange] | Sequence[int]] = [*asked.born, *asked.persons]
    queries: list[DemographicsQuery] = []
    for choice in product(*choices):
        persons = {each for each in choice if isinstance(each, int)}
        if len(queries) >= _MOST_ALTERNATIVES:
            raise TooComplex(f"more than {_MOST_ALTERNATIVES} combinations of alternatives", location="query")
        # A person is one: two different ids together are nobody's.
        if len(persons) <= 1:
            queries.append(
                DemographicsQuery(
                    identifiers=tuple(asked.identifiers),
                    names=tuple(asked.names),
                    born=tuple(each for each in choice if isinstance(each, DateRange)),
                    criteria=tuple(asked.criteria),
                    person=next(iter(persons), None),
                )
            )
    return queries


def _alone(name: str, groups: Sequence[tuple[T, ...]], given: Pairs) -> tuple[T, ...]:
    """The alternatives of a parameter, where it alone is asked for: one may have been merged into another."""
    return groups[0] if {each for each, _ in given} == {name} and len(groups) == 1 else ()
