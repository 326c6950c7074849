"""What a list means beyond its words: a folder, and what came of a document (rules P4, P7, P9)."""

from __future__ import annotations

from dataclasses import replace

from gateway.record.access import Behind, PatientRights

_NONE: frozenset[str] = frozenset()


def names_of(rights: PatientRights) -> frozenset[str]:
    """Every uniqueId on a list or in a raising: documents, and folders among them."""
    if not (rights.blacklist or rights.whitelist or rights.raisings):
        return _NONE
    lists = (each.documents for each in (*rights.blacklist, *rights.whitelist))
    return frozenset().union(*lists, *(each.documents for each in rights.raisings))


def widened(rights: PatientRights, behind: Behind) -> PatientRights:
    """The same decisions: a folder stands for what is in it, and what is shut stays so with its offspring.

    An allowance does not pass on: it was given for what the patient knew.
    """
    if not behind.members and not behind.offspring:
        return rights
    return replace(
        rights,
        blacklist=tuple(replace(each, documents=_shut(each.documents, behind)) for each in rights.blacklist),
        whitelist=tuple(
            replace(each, documents=_inside(each.documents, behind)) for each in rights.whitelist
        ),
        raisings=tuple(replace(each, documents=_shut(each.documents, behind)) for each in rights.raisings),
    )


def _inside(names: frozenset[str], behind: Behind) -> frozenset[str]:
    return names.union(*(behind.members[each] for each in names if each in behind.members))


def _shut(names: frozenset[str], behind: Behind) -> frozenset[str]:
    meant = _inside(names, behind)
    return meant.union(*(behind.offspring[each] for each in meant if each in behind.offspring))
