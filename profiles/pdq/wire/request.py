"""QBP^Q22 and QBP^ZV1: who is wanted, how many at a time, where to go on (ITI TF-2 3.21.4.1.2, 3.22.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gateway.bindings.hl7v2 import Message
from gateway.declare.transaction import QueryText, Target
from gateway.errors import Meaning, Problem, Refused
from gateway.mpi.query import DemographicsQuery
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pdq.wire.criteria import query_of
from profiles.pdq.wire.parameters import groups, parameters
from profiles.pdq.wire.visit import VisitCriterion, criterion_of
from profiles.pix.wire.authority import Authority
from profiles.pix.wire.query import quantity, query_text, refused, require_query, sent_repetitions

_INTERACTIVE = "I"
_LONGEST_POINTER = 180
_CONFIDENCE = re.compile(r"\d{1,2}|100", re.ASCII)
_VISIT = "PV1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonQuery:
    """`targets` are the domains of QPD-8: OIDs, None for one that is not known. `visit` are criteria of PV1.

    `quantity` is how many persons an answer may have; `pointer` is where an earlier answer ended.
    """

    wanted: DemographicsQuery
    targets: tuple[str | None, ...]
    tag: str
    quantity: int | None
    pointer: str | None
    text: QueryText
    message_id: str
    visit: tuple[VisitCriterion, ...] = ()


def read_query(message: Message, domain: Domain, *, with_visit: bool = False) -> PersonQuery:
    """QPD, RCP and DSC; parameters about a visit are taken where the transaction has them."""
    tag = require_query(message)
    sent = list(groups(parameters(message)))
    of_visit = [each for each in sent if with_visit and each.first.segment == _VISIT]
    wanted = query_of((each for each in sent if each not in of_visit), domain)
    return PersonQuery(
        wanted=replace(wanted, least=_confidence(message)),
        targets=tuple(
            Authority.at(message, f"QPD-8[{number}].4").root(domain)
            for number in sent_repetitions(message, "QPD-8")
        ),
        tag=tag,
        quantity=quantity(message),
        pointer=_pointer(message),
        text=query_text(message, tag),
        message_id=message.value("MSH-10") or "",
        visit=tuple(criterion_of(each) for each in of_visit),
    )


def target(query: PersonQuery) -> Target:
    """The patients asked for by identifier, and the query for the audit."""
    patients: tuple[PatientId, ...] = tuple(each for group in query.wanted.identifiers for each in group)
    return Target(patients=patients, query=query.text, message_id=query.message_id)


def wanted_domains(query: PersonQuery, domain: Domain, node: str) -> tuple[str, ...] | None:
    """The domains whose identifiers are wanted; None for all. Refused with a problem for each unknown one.

    One that the asker may not see is as unknown as one that is not there (ITI TF-2 3.21.4.2.2.8, case 3).
    """
    known = {root for root, each in domain.identity_domains.items() if each.seen_by(node)}
    problems = [
        Problem(
            Meaning.UNKNOWN_KEY, "a domain whose identifiers are wanted is not known", f"QPD^1^8^{number}"
        )
        for number, root in enumerate(query.targets, 1)
        if root not in known
    ]
    if problems:
        raise Refused(*problems)
    return tuple(dict.fromkeys(root for root in query.targets if root is not None)) or None


def placed(error: Refused) -> Refused:
    """A refusal of the index: whatever it points at was asked for by QPD-3."""
    return Refused(*(replace(each, location="QPD^1^3") for each in error.problems))


def _confidence(message: Message) -> int:
    sent = message.value("QPD-4")
    if sent and not _CONFIDENCE.fullmatch(sent):
        raise refused(Meaning.DATA_TYPE, "QPD-4 is not a number from 0 to 100", "QPD^1^4")
    return int(sent) if sent else 0


def _pointer(message: Message) -> str | None:
    """DSC-1, of an answer that had no room for all (ITI TF-2 3.21.4.1.2.2.6); None at the beginning."""
    pointer = message.value("DSC-1") or None
    if message.segments("DSC") > 1:
        raise refused(Meaning.SEGMENT_SEQUENCE, "several DSC segments were sent, expected one", "DSC")
    if (message.value("DSC-2") or _INTERACTIVE) != _INTERACTIVE:
        raise refused(Meaning.TABLE_VALUE, "DSC-2 is not I", "DSC^1^2")
    if pointer is not None and len(pointer) > _LONGEST_POINTER:
        raise refused(Meaning.DATA_TYPE, f"DSC-1 is longer than {_LONGEST_POINTER} characters", "DSC^1^1")
    return pointer
