"""The search parameters of a Consent (PCF 2:3.108.4.1.2, FHIR R4 search)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Problem, Refused
from gateway.record.consents import Consent
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pcf.errors import refused
from profiles.pcf.wire.consent import read_patient
from profiles.pcf.wire.values import read_days, read_subject
from profiles.pdqm.rules import token_of

Test = Callable[[Consent], bool]
Pairs = Sequence[tuple[str, str]]

USUAL_PAGE, LARGEST_PAGE = 20, 100
PATIENT, PATIENT_IDENTIFIER, ID, COUNT, PAGE = "patient", "patient.identifier", "_id", "_count", "_page"
_STATUS, _ACTOR, _UPDATED = "status", "actor", "_lastUpdated"
_ACTOR_IDENTIFIERS = ("actor.identifier", "actor:identifier")
_NUMBER = re.compile(r"\d{1,6}", re.ASCII)
_DATE = re.compile(r"(?P<prefix>[a-z]{2})?(?P<date>\d{4}[0-9T:.+Z-]*)", re.ASCII)
_STATUSES = frozenset(
    {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"}
)  # FHIR R4 consent-state-codes
PARAMETERS = MappingProxyType(
    {
        PATIENT: "reference",
        PATIENT_IDENTIFIER: "token",
        _STATUS: "token",
        _ACTOR: "reference",
        "actor.identifier": "token",
        ID: "token",
        _UPDATED: "date",
    }
)
"""By name, with the type of each, for the capability statement."""
_REFUSED = frozenset(
    {
        "_include",
        "_revinclude",
        "_has",
        "_filter",
        "_query",
        "_list",
        "_text",
        "_content",
        "_sort",
        "_summary",
    }
)
"""Parameters that would change the meaning of the answer if they were passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search that was understood: whose consents, or which; all `tests` must hold.

    `first` is the number of matches before the page. `applied` are the parameters it follows, for the links;
    `received` all that came, for the audit.
    """

    patient: PatientId | int | None
    ids: tuple[str, ...]
    tests: tuple[Test, ...]
    first: int
    count: int
    applied: Pairs
    received: bytes
    base: str

    def url(self, first: int) -> str:
        """The page that begins after so many matches."""
        page = ((PAGE, str(first)),) if first else ()
        return f"{self.base}/Consent?{_written((*self.applied, (COUNT, str(self.count)), *page))}"


def read(request: FhirRequest, domain: Domain) -> Search:
    """The search; Refused for what is missing, malformed or not supported."""
    known, others = _sorted_out(request.parameters)
    if request.strict and others:
        raise Refused(
            *(Problem(Meaning.NOT_SUPPORTED, f"{name}: not supported here", name) for name in others)
        )
    patients = [
        _patient(name, value, domain) for name, value in known if name in {PATIENT, PATIENT_IDENTIFIER}
    ]
    ids = [value for name, value in known if name == ID]
    if len(patients) > 1:
        raise refused(Meaning.PARAMETER_COUNT, "several patients, expected one", PATIENT)
    if not patients and not ids:
        raise refused(Meaning.MISSING_PARAMETER, "patient or patient.identifier is required", PATIENT)
    return Search(
        patient=patients[0] if patients else None,
        ids=tuple(each for value in ids for each in value.split(",")),
        tests=tuple(_test(name, value, domain) for name, value in known if name in _TESTS),
        first=_number(known, PAGE, 0),
        count=min(_number(known, COUNT, USUAL_PAGE), LARGEST_PAGE),
        applied=tuple((name, value) for name, value in known if name not in {COUNT, PAGE}),
        received=_written(request.parameters).encode(),
        base=request.base,
    )


def _written(parameters: Pairs) -> str:
    return urlencode(parameters, quote_via=quote, safe=",")


def _sorted_out(parameters: Pairs) -> tuple[list[tuple[str, str]], list[str]]:
    """The parameters we know, and the names of those that may be passed over."""
    known, others = [], []
    for name, value in parameters:
        if name in PARAMETERS or name in {COUNT, PAGE, *_ACTOR_IDENTIFIERS}:
            known.append((name, value))
            continue
        if name.partition(":")[0] in _REFUSED or ":" in name or "." in name:
            raise refused(Meaning.NOT_SUPPORTED, f"{name.partition(':')[0]}: not supported", name)
        others.append(name)
    return known, others


def _patient(name: str, value: str, domain: Domain) -> PatientId | int:
    if name == PATIENT:
        reference = value if "/" in value else f"Patient/{value}"
        return read_patient({"reference": reference}, domain)
    system, number = token_of(value, name)
    return read_patient({"identifier": {"system": system, "value": number}}, domain)


def _number(known: Pairs, name: str, usual: int) -> int:
    given = [value for each, value in known if each == name]
    if not given:
        return usual
    if len(given) > 1 or not _NUMBER.fullmatch(given[0]):
        raise refused(Meaning.DATA_TYPE, f"{name}: expected one number", name)
    return int(given[0])


# --- tests ---------------------------------------------------------------------------------------


def _test(name: str, value: str, domain: Domain) -> Test:
    return _TESTS[name](name, value, domain)


def _ids(_name: str, value: str, _domain: Domain) -> Test:
    wanted = frozenset(value.split(","))
    return lambda consent: consent.id in wanted


def _statuses(name: str, value: str, _domain: Domain) -> Test:
    wanted = frozenset(each.rpartition("|")[2] for each in value.split(","))
    if not wanted <= _STATUSES:
        raise refused(Meaning.TABLE_VALUE, f"expected one of {', '.join(sorted(_STATUSES))}", name)
    return lambda consent: consent.status.value in wanted


def _actor(_name: str, value: str, _domain: Domain) -> Test:
    """By the URL that a reference was given with."""
    wanted = frozenset(value.split(","))
    return lambda consent: any(
        each == one or each.endswith(f"/{one}") for each in _references(consent.form) for one in wanted
    )


def _references(form: Any) -> list[str]:
    root = form.get("provision", {})
    told = [actor for each in (root, *root.get("provision", ())) for actor in each.get("actor", ())]
    return [each["reference"]["reference"] for each in told if "reference" in each["reference"]]


def _actor_identifier(name: str, value: str, domain: Domain) -> Test:
    system, number = token_of(value, name)
    subject = read_subject({"identifier": {"system": system, "value": number}}, domain, name)
    return lambda consent: any(each.subject == subject for each in consent.directives)


def _updated(name: str, value: str, _domain: Domain) -> Test:
    match = _DATE.fullmatch(value)
    if match is None:
        raise refused(Meaning.DATA_TYPE, f"{name}: expected a date like ge2026-01-31", name)
    first, end = read_days(match["date"], name)
    tests: dict[str, Test] = {
        "eq": lambda consent: first <= consent.at < end,
        "ge": lambda consent: consent.at >= first,
        "gt": lambda consent: consent.at >= end,
        "le": lambda consent: consent.at < end,
        "lt": lambda consent: consent.at < first,
    }
    if (match["prefix"] or "eq") not in tests:
        raise refused(Meaning.NOT_SUPPORTED, f"{name}: expected one of {', '.join(tests)}", name)
    return tests[match["prefix"] or "eq"]


_TESTS = MappingProxyType(
    {
        ID: _ids,
        _STATUS: _statuses,
        _ACTOR: _actor,
        **dict.fromkeys(_ACTOR_IDENTIFIERS, _actor_identifier),
        _UPDATED: _updated,
    }
)
