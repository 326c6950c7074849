"""What one caller may see of a person: identifiers and the golden record (ITI TF-2 3.21.4.2.2, 3.78.4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.errors import Defect
from gateway.matching import statuses
from gateway.mpi.context import Asking, Mpi
from gateway.mpi.golden import Account, golden
from gateway.mpi.lookup import reader
from gateway.record.demographics import NOTHING, Demographics
from gateway.record.patients import Identity, Person, State
from gateway.record.people import Node, PatientId
from gateway.stores.identities import Held


@dataclass(frozen=True, slots=True)
class View:
    """What a caller may see: `seen` are OIDs of domains, `wanted` those of them that were asked for.

    `asked` are the identifiers that the caller knows already: the source of an identity that nobody else is
    shown finds it by its identifier.
    """

    node: Node
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
    if call.node is None:
        raise Defect("a query comes from a node")
    seen = frozenset(root for root, each in mpi.domain.identity_domains.items() if each.seen_by(name))
    wanted = seen if domains is None else seen.intersection(domains)
    return View(call.node, seen, wanted, frozenset(each for each in asked if each.root in seen))


def visible(view: View, members: Iterable[Held]) -> list[Shown]:
    """The identities that count: neither merged nor removed, nor of a status that hides them (table 0445)."""
    found = []
    for each in members:
        identity = each.identity
        if identity.merged or identity.state is State.REMOVED:
            continue
        told = each.told
        if told.status not in statuses.HIDDEN or _own(view, identity, told):
            found.append(Shown(identity, told, each.changed_at))
    return found


def _own(view: View, identity: Identity, told: Demographics) -> bool:
    return told.status in statuses.OWN and identity.id in view.asked and view.node.may_feed(identity.id.root)


def by_person(shown: Iterable[Shown]) -> dict[int, list[Shown]]:
    """Visible identities of each person, in the order of person keys."""
    found: dict[int, list[Shown]] = {}
    for each in sorted(shown, key=lambda one: (one.identity.person, one.identity.key)):
        found.setdefault(each.identity.person, []).append(each)
    return found


def golden_of(mpi: Mpi, shown: Sequence[Shown]) -> Demographics:
    """The golden record of a person's visible identities."""
    domains = mpi.domain.identity_domains
    return golden(
        [
            Account(
                each.told,
                domains[each.identity.id.root].trust if each.identity.id.root in domains else 0,
                each.changed_at,
            )
            for each in shown
        ]
    )


def person_of(
    mpi: Mpi, view: View, shown: Sequence[Shown], best: Demographics | None = None
) -> Person | None:
    """A person as the caller may see it; None when there is no identifier to show. `best`: golden record.

    Who asks for one domain only gets what its source told, if that has a name.
    """
    identifiers = [each.identity.id for each in shown if each.identity.id.root in view.wanted]
    if not identifiers:
        return None
    told = best if best is not None else golden_of(mpi, shown)
    if len(view.wanted) == 1 and view.wanted != view.seen:
        own = golden_of(mpi, [each for each in shown if each.identity.id.root in view.wanted])
        told = own if own.names else told
    return Person(
        key=shown[0].identity.person,
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
