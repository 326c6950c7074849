"""From rules to directives, where both come to the same; anything else is Indeterminate (ITI TF-3 5.6.2).

What narrows is taken, what would open more than the policy says is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.record.access import Period
from gateway.record.consents import Directive, Kind
from gateway.rights.fold import WITHOUT_PERIOD
from profiles.appc import codes
from profiles.appc.rules.leaves import Leaf, Who
from profiles.appc.wire import Indeterminate, Node

ANYBODY = "*"


def directives_of(node: Node, leaves: Mapping[str, Leaf], at: datetime) -> tuple[Directive, ...]:
    """What a PolicySet comes to; Indeterminate when our rules cannot say the same, or would say more."""
    if _denials_win(node, leaves):
        found = [each for leaf in leaves.values() for each in _directives(leaf, at)]
    elif _only_named(node, leaves):
        found = [
            *_closing(),
            *(each for leaf in leaves.values() if leaf.permits for each in _directives(leaf, at)),
        ]
    else:
        text = "Permit and Deny are combined in a way that is not applied here"
        raise Indeterminate(node.place, text)
    return tuple(dict.fromkeys(found))


# --- how rules are combined ----------------------------------------------------------------------


def _inside(node: Node, leaves: Mapping[str, Leaf]) -> list[Leaf]:
    return [leaf for place, leaf in leaves.items() if place.startswith(f"{node.place}/")]


def _combining(node: Node) -> Iterator[Node]:
    """The nodes whose algorithm can matter: those of several children."""
    if len(node.children) > 1:
        yield node
    for each in node.children:
        if isinstance(each, Node):
            yield from _combining(each)


def _mixed(leaves: Sequence[Leaf]) -> bool:
    """Whether the algorithm does matter: both effects are combined, or what is only referred to."""
    return any(leaf.decided is not None for leaf in leaves) or len({leaf.permits for leaf in leaves}) > 1


def _denials_win(node: Node, leaves: Mapping[str, Leaf]) -> bool:
    """Whether a Deny counts before any Permit, everywhere: as black lists and oppositions do."""
    return all(_denial_wins(each, _inside(each, leaves)) for each in _combining(node))


def _denial_wins(node: Node, leaves: Sequence[Leaf]) -> bool:
    if not _mixed(leaves) or node.algorithm in codes.DENY_WINS:
        return True
    if any(leaf.decided is not None for leaf in leaves):
        return False
    effects = [leaf.permits for leaf in leaves]
    return node.algorithm == codes.FIRST_WINS and effects == sorted(effects)


def _only_named(node: Node, leaves: Mapping[str, Leaf]) -> bool:
    """Whether it says: these may read the record, and nobody else."""
    denied = [leaf for leaf in leaves.values() if not leaf.permits]
    if len(denied) != 1 or denied[0].decided is not None or not _everything(denied[0]):
        return False
    permitted = [leaf for leaf in leaves.values() if leaf.permits]
    if not all(leaf.whole and not leaf.documents and all(who.name for who in leaf.who) for leaf in permitted):
        return False
    return all(_permits_win(each, _inside(each, leaves)) for each in _combining(node))


def _everything(leaf: Leaf) -> bool:
    """Reading by anybody, of the whole record, at any time: writing is not what a white list closes."""
    reading = leaf.actions is not None and not leaf.actions & codes.WRITING and leaf.actions >= codes.READING
    return leaf.who == (Who(),) and leaf.whole and reading and leaf.period == Period()


def _permits_win(node: Node, leaves: Sequence[Leaf]) -> bool:
    if not _mixed(leaves) or node.algorithm in codes.PERMIT_WINS:
        return True
    return node.algorithm == codes.FIRST_WINS and not leaves[-1].permits


def _closing() -> Iterator[Directive]:
    yield Directive(kind=Kind.ALLOWED_ONLY)
    yield Directive(kind=Kind.EMERGENCY, rank=0)


# --- what a rule says ----------------------------------------------------------------------------


def _directives(leaf: Leaf, at: datetime) -> Iterator[Directive]:
    if leaf.decided is not None:
        yield from _referred(leaf, leaf.decided, at)
    elif leaf.permits:
        for who in leaf.who:
            yield from _permit(leaf, who)
    else:
        for who in leaf.who:
            yield from _deny(leaf, who)


def _referred(leaf: Leaf, decided: tuple[Directive, ...], at: datetime) -> Iterator[Directive]:
    """A policy of the domain holds for everybody and the whole record, or not at all."""
    if leaf.who != (Who(),) or not leaf.whole or leaf.documents or leaf.actions is not None:
        raise Indeterminate(leaf.place, "a policy is referred to for everybody, every document and action")
    period = leaf.period
    for each in decided:
        if each.kind not in WITHOUT_PERIOD:
            yield replace(each, period=period)
            continue
        if period.end is not None or (period.start is not None and period.start > at):
            text = (
                "the policy holds from now on until it is changed; it neither ends nor begins later by itself"
            )
            raise Indeterminate(leaf.place, text)
        yield each


def _permit(leaf: Leaf, who: Who) -> Iterator[Directive]:
    """An allowance; to permit everybody the whole record leaves things as the domain has them."""
    reading = codes.READING_ANYHOW | codes.READING_ELSEWHERE
    if leaf.actions is not None and not (codes.READING_ANYHOW <= leaf.actions <= reading):
        listed = ", ".join(sorted(codes.READING_ANYHOW))
        raise Indeterminate(
            leaf.place, f"a Permit is for any action, or for reading in all its ways ({listed})"
        )
    if who.purpose is not None:
        raise Indeterminate(leaf.place, "a Permit for one purpose of use would be one for all of them")
    if leaf.documents:
        yield _listed(Kind.ALLOWANCE, who, leaf, leaf.documents)
    if leaf.whole and who.name is not None:
        yield _listed(Kind.ALLOWANCE, who, leaf, frozenset())


def _deny(leaf: Leaf, who: Who) -> Iterator[Directive]:
    """A denial, or an opposition where it is for everybody; both keep from writing as well."""
    if leaf.actions is not None and not leaf.actions >= codes.READING:
        listed = ", ".join(sorted(codes.READING))
        raise Indeterminate(leaf.place, f"a Deny is for any action, or at least for reading ({listed})")
    if who.purpose is not None and (who.name is not None or leaf.documents):
        text = "a Deny for one purpose of use is one for everybody and the whole record"
        raise Indeterminate(leaf.place, text)
    if leaf.folders and (leaf.actions is None or leaf.actions & codes.WRITING):
        raise Indeterminate(
            leaf.place, "a Deny for a folder is for reading alone: it keeps nothing out of it"
        )
    if leaf.documents:
        yield _listed(Kind.DENIAL, who, leaf, leaf.documents)
    if leaf.whole and who.name is not None:
        yield _listed(Kind.DENIAL, who, leaf, frozenset())
    elif leaf.whole:
        yield Directive(kind=Kind.OPPOSITION, purpose=who.purpose, period=leaf.period)


def _listed(kind: Kind, who: Who, leaf: Leaf, documents: frozenset[str]) -> Directive:
    return Directive(kind=kind, subject=who.name or ANYBODY, documents=documents, period=leaf.period)
