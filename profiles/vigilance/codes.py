"""Codes of identity vigilance: kinds of questions and of operations, each in plain words; all are ours."""

from __future__ import annotations

from types import MappingProxyType

from gateway.declare.transaction import Actors
from gateway.mpi.questions import URGENT
from gateway.stores.reviews import ReviewState

SCHEME = "2.999.1.2"
"""The scheme of codes that no standard has, as in the audit."""

SYSTEM = f"urn:oid:{SCHEME}"
DECISION, TRACE, ENDED_IN = "identity-decision", "identity-exchange", "identity-ended-in"
"""Extensions, below StructureDefinition of the service."""

ACTORS = Actors("Identity Manager", "Identity Vigilance")
SECTION = "Identity Vigilance"

# Kind of a review → what it asks.
KINDS = MappingProxyType(
    {
        "possible-match": "Is this identity the same human being as that person? Too much fits for chance, "
        "too little to be sure.",
        "several-clusters": "This identity fits several persons. Which of them is it, or are they all one?",
        "same-id-unlike-traits": "The same national number, but another name, birth date or sex. "
        "Is it the same human being?",
        "id-conflict": "Much fits, but the national numbers are different. Is it the same human being?",
        "cap-hit": "More persons are like this identity than could be compared. Is it one of them?",
        "overlay": "One person's data may have been written over another's. Is this identity still the same "
        "human being?",
        "changed": "After a change this identity contradicts the others of its person. Is it still the same "
        "human being?",
        "same-message": "A source names two identifiers in one message, but they contradict each other. "
        "Are they the same human being?",
        "merged-apart": "An identifier was merged that was linked to others, who do not fit the survivor. "
        "Are they the same human being?",
    }
)
# Kind of an operation → what was done.
OPERATIONS = MappingProxyType(
    {
        "merge": "one identifier was merged into another of its domain",
        "rename": "a new identifier took the place of one",
        "link": "identities were said to be one human being",
        "unlink": "identities were said to be two human beings",
        "feed": "a source told of a person",
        "remove": "a source removed an identifier",
        "review": "two people decided a review",
        "undo": "an earlier operation was taken back",
    }
)
STATUSES = MappingProxyType(
    {
        "requested": ReviewState.OPEN,
        "in-progress": ReviewState.PROPOSED,
        "completed": ReviewState.DECIDED,
        "cancelled": ReviewState.OBSOLETE,
    }
)
"""Task.status → state of a review."""

FHIR_STATUSES = MappingProxyType({state: status for status, state in STATUSES.items()})
PRIORITIES = MappingProxyType({URGENT: "urgent"})
USUAL_PRIORITY = "routine"
