"""ITI-119 Patient Demographics Match (PDQm 2:3.119): the operation $match on Patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.bindings.fhirfault import operation_outcome
from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import query_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem
from gateway.mpi.lookup import reader
from gateway.record.demographics import NOTHING, Demographics
from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqm.codes import MATCH_DEFINITION
from profiles.pdqm.errors import issue_of, outcome_reply
from profiles.pdqm.iti78_mobile_patient_demographics_query import named
from profiles.pdqm.iti78_mobile_patient_demographics_query.bundle import entry, score, searchset
from profiles.pdqm.rules import check_patient, read_identifiers, refused
from profiles.pdqm.wire.patient import read_demographics
from profiles.pdqm.wire.values import Json

_CODE, _TITLE = "ITI-119", "Patient Demographics Match"
_RESOURCE, _CERTAIN, _COUNT = "resource", "onlyCertainMatches", "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who is looked for. `lost` is the number of identifiers whose system nobody knows here."""

    told: Demographics
    identifiers: tuple[PatientId, ...]
    lost: int
    only_certain: bool
    most: int | None
    received: bytes
    base: str


@dataclass(frozen=True, kw_only=True)
class Matches(Answer):
    """Graded, best first."""

    persons_found: tuple[Person, ...]
    roots: tuple[str, ...]
    base: str


def decode(payload: FhirRequest, domain: Domain) -> Asked:
    """A Parameters resource, or the Patient alone."""
    patient, options = _taken_apart(payload)
    check_patient(patient, "Patient")
    identifiers = read_identifiers(patient, domain)
    told = read_demographics(patient)
    if told == NOTHING and not (identifiers.known or identifiers.other):
        text = "the Patient tells nothing that a person can be found by"
        raise refused(Meaning.MISSING_PARAMETER, text, "Patient")
    return Asked(
        told=told,
        identifiers=(*identifiers.known, *identifiers.other),
        lost=identifiers.lost,
        only_certain=bool(options.get(_CERTAIN, False)),
        most=_most(options.get(_COUNT)),
        received=payload.body,
        base=payload.base,
    )


def _taken_apart(payload: FhirRequest) -> tuple[Json, dict[str, Any]]:
    """The Patient and the options by name."""
    resource = payload.resource
    if resource is not None and resource["resourceType"] == "Patient":
        return resource, {}
    if resource is None or resource["resourceType"] != "Parameters":
        raise refused(Meaning.DATA_TYPE, "expected Parameters, or a Patient, in the body", "Parameters")
    found: dict[str, Any] = {}
    for at, each in enumerate(resource.get("parameter", ())):
        name, place = each["name"], f"Parameters.parameter[{at}]"
        if name not in _VALUES:
            if payload.strict:
                raise refused(Meaning.NOT_SUPPORTED, "a parameter that is not known here", place)
            continue
        if name in found:
            raise refused(Meaning.PARAMETER_COUNT, f"{name} is given twice, expected once", place)
        if _VALUES[name] not in each:
            raise refused(Meaning.DATA_TYPE, f"{name} is not of the type expected", place)
        found[name] = each[_VALUES[name]]
    patient = found.get(_RESOURCE)
    if patient is None:
        raise refused(Meaning.MISSING_PARAMETER, "the parameter resource is required", "Parameters.parameter")
    if patient["resourceType"] != "Patient":
        raise refused(Meaning.DATA_TYPE, "the parameter resource must be a Patient", "Parameters.parameter")
    return patient, found


_VALUES = {_RESOURCE: "resource", _CERTAIN: "valueBoolean", _COUNT: "valueInteger"}


def _most(count: int | None) -> int | None:
    if count is not None and count < 1:
        raise refused(Meaning.DATA_TYPE, "count: expected 1 or more", _COUNT)
    return count


def encode(response: Matches, domain: Domain) -> FhirReply:
    """A searchset: every person with score and grade; warnings behind them."""
    entries: list[Json] = [
        entry(each, domain, response.base, response.roots) for each in response.persons_found
    ]
    if response.problems:
        outcome = operation_outcome(issue_of(problem) for problem in response.problems)
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    bundle = searchset(len(response.persons_found), entries)
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def target(request: Asked) -> Target:
    """No patient is named before it is found; the query as it came."""
    return Target(query=QueryText("Patient/$match", request.received))


async def handle(call: Call[Asked], services: Services) -> Matches:
    """Whoever may be meant, best first; with onlyCertainMatches one human being, or nobody."""
    asked, name = call.request, reader(call)
    matched = await services.index.match(
        call, asked.told, asked.identifiers, only_certain=asked.only_certain, most=None
    )
    found = tuple(sorted(matched, key=_rank))[: asked.most]
    return Matches(
        persons_found=found,
        roots=tuple(root for root, each in services.domain.identity_domains.items() if each.seen_by(name)),
        base=asked.base,
        problems=_warnings(asked.lost),
        patients=named(found),
    )


_GRADES = ("certain", "probable", "possible", "certainly-not")


def _rank(person: Person) -> tuple[float, int]:
    """By the score that is told; of equal scores the better grade comes first."""
    return -score(person), _GRADES.index(person.grade) if person.grade in _GRADES else len(_GRADES)


def _warnings(lost: int) -> tuple[Problem, ...]:
    if not lost:
        return ()
    text = f"{lost} identifiers are of systems that are not known here, and were left out of account"
    return (Problem(Meaning.UNKNOWN_KEY, text, "Patient.identifier", warning=True),)


TRANSACTION: Transaction[Asked, Matches] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="PDQm 2:3.119",
    actors=Actors("Patient Demographics Consumer", "Patient Demographics Supplier"),
    binding=Fhir(method="POST", path="/Patient/$match", definition=MATCH_DEFINITION),
    action=Action.PATIENT_QUERY,
    audit=query_event(_CODE, _TITLE),
    codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
    target=target,
    handle=handle,
)
