"""Rules of the identity feed in FHIR: whose domain, who survives, where refusals stand (PIXm 2:3.104.4)."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from gateway.declare.transaction import Call
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.context import IDENTIFIER, SUBSUMED, SURVIVOR
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.record.people import PatientId
from profiles.pdqm.rules import REPLACED_BY, checked_value, refused
from profiles.pdqm.wire.values import Json

PLACES = MappingProxyType(
    {
        IDENTIFIER: "Patient.identifier",
        SUBSUMED: "Patient.identifier",
        SURVIVOR: "Patient.link[0].other.identifier",
    }
)
"""Where the problems of the index stand in a feed."""


def check_source(call: Call[Any], identifier: PatientId) -> PatientId:
    """The identifier, of a domain that the node is the source of; Refused without a look at who is known."""
    if call.node is None or not call.node.may_feed(identifier.root):
        raise not_source()
    return identifier


def check_one_each(call: Call[Any], told: PatientFeed | PatientMerge) -> None:
    """A source tells one identifier of each of its domains; several would be several patients."""
    identifiers = told.identifiers if isinstance(told, PatientFeed) else ()
    own = [each.root for each in identifiers if call.node is not None and call.node.may_feed(each.root)]
    if len(set(own)) < len(own):
        text = "several identifiers of one domain, expected one; earlier ones have the use old"
        raise refused(Meaning.METADATA_INVALID, text, "Patient.identifier")


def not_source() -> Refused:
    """The refusal of a feed of a domain that somebody else assigns, or nobody here."""
    text = "this system is not the source of the domain of the identifier"
    return refused(Meaning.NOT_PERMITTED, text, "identifier")


def read_survivor(patient: Json, domain: Domain, place: str = "Patient") -> PatientId:
    """The identifier that stays; Refused unless the Patient is inactive and names exactly one."""
    if patient.get("active") is not False:
        text = "a Patient that is replaced must have active=false"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.active")
    links = [(at, each) for at, each in enumerate(patient["link"]) if each["type"] == REPLACED_BY]
    if len(links) > 1:
        raise refused(Meaning.METADATA_INVALID, "several links replaced-by, expected one", f"{place}.link")
    at, link = links[0]
    place = f"{place}.link[{at}].other.identifier"
    named = link["other"].get("identifier", {})
    for name in ("system", "value"):
        if name not in named:
            raise refused(Meaning.REQUIRED_FIELD, f"the link must name an identifier with {name}", place)
    root = domain.root_of_system(named["system"])
    if root is None:
        raise refused(Meaning.UNKNOWN_KEY, "the survivor is of a domain that is not known here", place)
    return PatientId(checked_value(named["value"], place), root)


def placed(
    error: Refused,
    *,
    unknown: Meaning = Meaning.UNKNOWN_KEY,
    taken: Meaning = Meaning.DUPLICATE_IN_REGISTRY,
) -> Refused:
    """A refusal of the index in the words of FHIR.

    `unknown` is what an unknown identifier means, `taken` one that was merged, removed or is in use.
    """
    meanings = {Meaning.UNKNOWN_KEY: unknown, Meaning.DUPLICATE_KEY: taken}
    return Refused(*(_placed(each, meanings) for each in error.problems))


def _placed(problem: Problem, meanings: dict[Meaning, Meaning]) -> Problem:
    return replace(
        problem,
        meaning=meanings.get(problem.meaning, problem.meaning),
        location=PLACES.get(problem.location or "", problem.location),
    )
