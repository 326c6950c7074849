"""What a permit lets its holder see: relation, level, confidentiality and named documents (P7 to P10)."""

from __future__ import annotations

from enum import Enum

from gateway.policy.case import NO_DOCUMENTS, Case, documents_of, holds_whole
from gateway.record.access import HIGHEST_RANK, LOWEST_RANK, Grant
from gateway.record.people import SubjectKind

NOTHING = 0
"""A rank below all: only lifted documents and those of the own organisation are visible."""

SHARED_CEILING = HIGHEST_RANK - 1
"""The highest rank anybody but the patient can be given; above it only G1 and authorship reach."""


class Relation(Enum):
    """How far the relation of rule P7 reaches."""

    NONE = 0
    DOCUMENTS = 1
    RECORD = 2


def relation_of(case: Case) -> Relation:
    """How far the relation reaches; a white-list entry that names documents reaches only these."""
    role, rights = case.role, case.rights
    needed = role is None or role.needs_relation
    if rights.whitelist_only and case.principal.kind is SubjectKind.PROFESSIONAL:
        needed = True
    if case.own or not needed or holds_whole(rights.whitelist, case):
        return Relation.RECORD
    if not rights.whitelist_only and _treats(case):
        return Relation.RECORD
    return Relation.DOCUMENTS if documents_of(rights.whitelist, case) else Relation.NONE


def _treats(case: Case) -> bool:
    """A care relation, assumed or told, or a level the patient granted."""
    if case.policy.relation_assumed and case.principal.organisation:
        return True
    return holds_whole(case.rights.relations, case) or _granted(case) > NOTHING


def _granted(case: Case) -> int:
    """The highest access level granted to the person or the organisation now."""
    names, at = case.names, case.at
    return max(
        (level.rank for level in case.rights.levels if level.subject in names and level.period.holds(at)),
        default=NOTHING,
    )


def level_of(case: Case) -> int:
    """Rule P8: the rank by role or by the level granted. The highest one is never given away."""
    if case.own:
        return HIGHEST_RANK
    if case.role is None:
        return NOTHING
    if case.principal.kind is SubjectKind.NODE:
        return case.role.rank
    if relation_of(case) is not Relation.RECORD:
        return NOTHING
    return _shared(max(case.role.rank, _granted(case)))


def rank_of(case: Case) -> int:
    """Rule P9: the highest rank visible, an emergency (G2) included."""
    level = level_of(case)
    if not case.emergency or case.own or case.principal.kind is SubjectKind.NODE:
        return level
    return max(level, _shared(case.rights.emergency_rank))


def _raised_above(rank: int, case: Case) -> frozenset[str]:
    """Documents that the patient raised above a rank, for as long as it is so."""
    return NO_DOCUMENTS.union(
        *(each.documents for each in case.rights.raisings if each.rank > rank and each.period.holds(case.at))
    )


def _shared(rank: int) -> int:
    return min(max(rank, NOTHING), SHARED_CEILING)


def grant_of(case: Case) -> Grant:
    """What P6, P8, P9 and the named documents leave of the record; no document, if it is not of a record."""
    role = case.role
    if not case.action.of_record and not case.own:
        return Grant(rank=NOTHING, classes=NO_DOCUMENTS)
    classes = role.may.get(case.action, NO_DOCUMENTS) if role is not None else NO_DOCUMENTS
    if case.own or case.principal.kind is SubjectKind.NODE:
        return Grant(rank=level_of(case), classes=classes, organisation=case.principal.organisation)
    rights = case.rights
    hidden = documents_of(rights.blacklist, case)
    if hidden and case.emergency and not case.policy.blacklist_beats_emergency:
        hidden = NO_DOCUMENTS
    rank, lifted = rank_of(case), documents_of(rights.whitelist, case) - hidden
    return Grant(
        rank=rank,
        classes=classes,
        lifted=lifted,
        hidden=hidden,
        veiled=_raised_above(rank, case) - lifted - hidden,
        # Who may see named documents only sees these, and not what the own organisation wrote beside them.
        organisation=case.principal.organisation if rank > NOTHING or case.action.writes else None,
        floor=min(max(rights.default_rank, LOWEST_RANK), HIGHEST_RANK),
    )
