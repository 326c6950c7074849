"""From decisions of a patient to what the rights engine reads: the order of decisions is irrelevant."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import Meaning, Problem, Refused
from gateway.record.access import (
    HIGHEST_RANK,
    LOWEST_RANK,
    AccessLevel,
    Listing,
    Mandate,
    Opposition,
    PatientRights,
    Raising,
)
from gateway.record.consents import Consent, Directive, Kind, Status
from gateway.rights.rights_json import listed_twice

_NEW = PatientRights()
_NEEDS_SUBJECT = frozenset({Kind.DENIAL, Kind.ALLOWANCE, Kind.LEVEL, Kind.MANDATE, Kind.RELATION})
_NEEDS_RANK = frozenset({Kind.LEVEL, Kind.EMERGENCY, Kind.FLOOR, Kind.RAISING})
WITHOUT_PERIOD = frozenset({Kind.ALLOWED_ONLY, Kind.EMERGENCY, Kind.FLOOR, Kind.CLOSURE})
"""What holds from when it is said until it is changed."""


def fold(consents: Iterable[Consent]) -> PatientRights:
    """What the active ones come to; where two say different things, the stricter one holds.

    Refused when a document would stand on both lists for one subject.
    """
    said = [each for consent in consents if consent.status is Status.ACTIVE for each in consent.directives]
    by: dict[Kind, list[Directive]] = {kind: [] for kind in Kind}
    for each in sorted(said, key=repr):
        by[each.kind].append(each)
    emergency = [each.rank or 0 for each in by[Kind.EMERGENCY]]
    rights = PatientRights(
        open=not by[Kind.CLOSURE],
        oppositions=tuple(Opposition(each.purpose, each.period) for each in by[Kind.OPPOSITION]),
        blacklist=_listings(by[Kind.DENIAL]),
        whitelist=_listings(by[Kind.ALLOWANCE]),
        whitelist_only=bool(by[Kind.ALLOWED_ONLY]),
        mandates=tuple(
            Mandate(each.subject or "", each.period, each.given_by or "", each.actions)
            for each in by[Kind.MANDATE]
        ),
        levels=tuple(
            AccessLevel(each.subject or "", each.rank or LOWEST_RANK, each.period) for each in by[Kind.LEVEL]
        ),
        emergency_allowed=all(emergency),
        emergency_rank=max(min(emergency, default=_NEW.emergency_rank), LOWEST_RANK),
        relations=_listings(by[Kind.RELATION]),
        default_rank=max((each.rank or 0 for each in by[Kind.FLOOR]), default=_NEW.default_rank),
        raisings=tuple(
            Raising(each.documents, each.rank or HIGHEST_RANK, each.period) for each in by[Kind.RAISING]
        ),
    )
    if listed_twice(rights):
        text = "a document or folder would be both allowed and denied for the same person or organisation"
        raise Refused(Problem(Meaning.DUPLICATE_KEY, text, "provision"))
    return rights


def check(directive: Directive) -> None:
    """Refused unless the directive has what its kind needs; a period only where it is looked at."""
    kind = directive.kind
    lowest = 0 if kind is Kind.EMERGENCY else LOWEST_RANK
    if kind in _NEEDS_SUBJECT and not (directive.subject or "").strip():
        raise _incomplete(kind, "a subject")
    if kind in _NEEDS_RANK and not (directive.rank is not None and lowest <= directive.rank <= HIGHEST_RANK):
        raise _incomplete(kind, f"a rank from {lowest} to {HIGHEST_RANK}")
    if kind is Kind.RAISING and not directive.documents:
        raise _incomplete(kind, "documents")
    if kind is Kind.MANDATE and not (directive.given_by or "").strip():
        raise _incomplete(kind, "who gave it")
    if kind in WITHOUT_PERIOD and (directive.period.start or directive.period.end):
        raise _incomplete(kind, "no period: it holds until it is changed")


def _incomplete(kind: Kind, wanted: str) -> Refused:
    text = f"a directive of the kind {kind.value} needs {wanted}"
    return Refused(Problem(Meaning.DATA_TYPE, text, "provision"))


def _listings(said: Iterable[Directive]) -> tuple[Listing, ...]:
    return tuple(Listing(each.subject or "", each.period, each.documents) for each in said)
