"""What one caller may see of a person: identifiers and the golden record (ITI TF-2 3.21.4.2.2, 3.78.4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.mpi.context import Asking, Mpi
from gateway.mpi.golden import Account, golden
from gateway.mpi.lookup import reader, shown
from gateway.record.demographics import NOTHING, Demographics
from gateway.record.patients import Identity, Person
from gateway.record.people import PatientId
from gateway.stores.identities import Held


@dataclass(frozen=True, slots=True)
class View:
    """What a caller may see: `seen` are OIDs of domains, `wanted` those of them that were asked for.

    `asked` are the identifiers that the caller knows already: the source of an identity that nobody else is
    shown finds it by its identifier.
    """

    call: Asking
    seen: frozenset[str]
    wanted: frozenset[str]
    asked: frozenset[PatientId] = frozenset()


@dataclass(frozen=True, slots=True)
class Shown:
    """A visible identity with what its source told."""

    identity: Identity
    told: Demographics
    changed_at: int


def view_of(
    mpi: Mpi, call: Asking, domains: Iterable[str] | None = None, asked: Iterable[PatientId] = ()
) -> View:
    """The view of a caller; PermissionError without a decision that lets it ask."""
    name = reader(call)
    seen = frozenset(root for root, each in mpi.domain.identity_domains.items() if each.seen_by(name))
    wanted = seen if domains is None else seen.intersection(domains)
    return View(call, seen, wanted, frozenset(each for each in asked if each.root in seen))


def visible(view: View, members: Iterable[Held]) -> list[Shown]:
    """The identities that count, in the order in which they came to be known."""
    found = []
    for each in sorted(members, key=lambda one: one.identity.key):
        told = each.told
        if shown(view.call, each.identity, told, view.asked):
            found.append(Shown(each.identity, told, each.changed_at))
    return found


def by_person(members: Iterable[Held]) -> dict[int, list[Held]]:
    """The identities of each person, in the order of person keys."""
    found: dict[int, list[Held]] = {}
    for each in members:
        found.setdefault(each.identity.person, []).append(each)
    return dict(sorted(found.items()))


def golden_of(mpi: Mpi, identities: Sequence[Shown]) -> Demographics:
    """The golden record of a person's visible identities."""
    domains = mpi.domain.identity_domains
    return golden(
        [
            Account(
                each.told,
                domains[each.identity.id.root].trust if each.identity.id.root in domains else 0,
                each.changed_at,
            )
            for each in identities
        ]
    )


def person_of(mpi: Mpi, view: View, identities: Sequence[Shown]) -> Person | None:
    """A person as the caller may see it; None when there is no identifier to show.

    Who asks for one domain only gets what its source told, if that has a name.
    """
    identifiers = [each.identity.id for each in identities if each.identity.id.root in view.wanted]
    if not identifiers:
        return None
    told = golden_of(mpi, identities)
    if len(view.wanted) == 1 and view.wanted != view.seen:
        own = golden_of(mpi, [each for each in identities if each.identity.id.root in view.wanted])
        told = own if own.names else told
    return Person(
        key=identities[0].identity.person,
        identifiers=tuple(mpi.ordered(identifiers)),
        demographics=_without_foreign(view, told),
    )


def ended(view: View, identity: Identity, told: Demographics, successor: int) -> Person:
    """What is left to show of an identity that ended in another person."""
    known = identity.id.root in view.wanted
    return Person(
        key=identity.key,
        identifiers=(identity.id,) if known else (),
        demographics=_without_foreign(view, told) if known else NOTHING,
        active=False,
        replaced_by=successor,
    )


def _without_foreign(view: View, told: Demographics) -> Demographics:
    """Identifiers that sources told of other domains are shown only where those of the domain are."""
    if not told.identifiers and not told.mothers_identifiers:
        return told
    return replace(
        told,
        identifiers=_of(view.wanted, told.identifiers),
        mothers_identifiers=_of(view.seen, told.mothers_identifiers),
    )


def _of(roots: frozenset[str], identifiers: tuple[PatientId, ...] | None) -> tuple[PatientId, ...] | None:
    return tuple(each for each in identifiers or () if each.root in roots) or None
