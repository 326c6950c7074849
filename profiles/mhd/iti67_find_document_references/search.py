"""A search request as a whole: which patient, which filters, how many (MHD 2:3.67.4.1.2, FHIR R4 search)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote, urlencode

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Problem, Refused
from gateway.record.people import PatientId
from gateway.stores.search import Condition
from profiles.mhd import codes
from profiles.mhd.iti67_find_document_references.parameters import PARAMETERS, Criterion
from profiles.mhd.iti67_find_document_references.values import invalid, pairs, unsupported
from profiles.mhd.wire.values import is_oid

LARGEST_PAGE = 200
PATIENT = "patient.identifier"
_IDENTIFIER, _STATUS, _COUNT = "identifier", "status", "_count"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_CX_SIGNS = frozenset("^&|~\\")

Pairs = Sequence[tuple[str, str]]

_USE_IDENTIFIER = "use patient.identifier=urn:oid:<root>|<value>"
_REFUSED = MappingProxyType(
    {
        "patient": f"references to Patient resources are not resolved here; {_USE_IDENTIFIER}",
        "subject": f"references to Patient resources are not resolved here; {_USE_IDENTIFIER}",
        "_include": "other resources are not included",
        "_revinclude": "other resources are not included",
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

    `applied` are the parameters it follows, for the self link; `received` are all that came, as a query
    string, for the audit.
    """

    patient: PatientId | None
    documents: tuple[Condition, ...]
    criteria: tuple[Criterion, ...]
    count: int
    applied: Pairs
    received: bytes
    base: str

    @property
    def conditions(self) -> list[Condition]:
        """What the registry is asked."""
        return [condition for criterion in self.criteria for condition in criterion.conditions]

    @property
    def query(self) -> str:
        """The parameters it follows as the query of a URL."""
        return _written(self.applied)


def read(request: FhirRequest) -> Search:
    """The search; Refused for what is missing, malformed or not supported."""
    known, others = _sorted_out(request.parameters)
    if request.strict and others:
        raise Refused(
            *(Problem(Meaning.NOT_SUPPORTED, f"{name}: parameter not known here", name) for name in others)
        )
    _check_given({name for name, _ in known})
    filters = [(name, PARAMETERS[name].read(name, value)) for name, value in known if name in PARAMETERS]
    count = _page(known)
    return Search(
        patient=_patient(known),
        documents=tuple(
            condition for name, item in filters if name == _IDENTIFIER for condition in item.conditions
        ),
        criteria=tuple(item for _, item in filters),
        count=count,
        applied=(*((name, value) for name, value in known if name != _COUNT), (_COUNT, str(count))),
        received=_written(request.parameters).encode(),
        base=request.base,
    )


def _written(parameters: Pairs) -> str:
    return urlencode(parameters, quote_via=quote, safe=",")


def _sorted_out(parameters: Pairs) -> tuple[list[tuple[str, str]], list[str]]:
    """The parameters we know, and the names of those that may be passed over."""
    known, others = [], []
    for name, value in parameters:
        if name in PARAMETERS or name in {PATIENT, _COUNT}:
            known.append((name, value))
            continue
        plain = name.partition(":")[0]
        if plain in _REFUSED:
            raise unsupported(plain, _REFUSED[plain])
        if ":" in name:
            raise unsupported(plain, "modifiers are not supported")
        if "." in name:
            raise unsupported(plain, "chained parameters are not supported")
        others.append(name)
    return known, others


def _check_given(names: set[str]) -> None:
    """Patient and status, unless documents are named."""
    if _IDENTIFIER in names:
        return
    missing = [name for name in (PATIENT, _STATUS) if name not in names]
    if missing:
        raise Refused(*(Problem(Meaning.MISSING_PARAMETER, f"{name} is required", name) for name in missing))


def _patient(known: Pairs) -> PatientId | None:
    given = [pair for name, value in known if name == PATIENT for pair in pairs(name, value)]
    if not given:
        return None
    if len(given) > 1:
        raise Refused(
            Problem(Meaning.PARAMETER_COUNT, f"{PATIENT}: {len(given)} values, expected 1", PATIENT)
        )
    system, value = given[0]
    root = (system or "").removeprefix(codes.OID)
    if not is_oid(root) or not value or _CX_SIGNS & set(value):
        raise invalid(PATIENT, "expected urn:oid:<root>|<value>")
    return PatientId(extension=value, root=root)


def _page(known: Pairs) -> int:
    """How many entries at most; more than we give is cut, as the self link shows."""
    given = [value for name, value in known if name == _COUNT]
    if not given:
        return LARGEST_PAGE
    if len(given) > 1 or not _NUMBER.fullmatch(given[0]):
        raise invalid(_COUNT, "expected one number")
    return min(int(given[0]), LARGEST_PAGE)
