"""Folders on the lists of a patient stand for the documents in them (habilitation rules P4, P7 and P9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.record.access import Listing, PatientRights

Members = Mapping[str, frozenset[str]]
"""By uniqueId of a folder: the uniqueIds of the documents in it."""
_NONE: frozenset[str] = frozenset()


def names_of(rights: PatientRights) -> frozenset[str]:
    """Every uniqueId on a list or in a raising: documents, and folders among them."""
    if not (rights.blacklist or rights.whitelist or rights.raisings):
        return _NONE
    lists = (each.documents for each in (*rights.blacklist, *rights.whitelist))
    return frozenset().union(*lists, *(each.documents for each in rights.raisings))


def widened(rights: PatientRights, members: Members) -> PatientRights:
    """The same decisions, where a folder is named also about the documents in it."""
    if members.keys().isdisjoint(names_of(rights)):
        return rights
    return replace(
        rights,
        blacklist=tuple(_listing(each, members) for each in rights.blacklist),
        whitelist=tuple(_listing(each, members) for each in rights.whitelist),
        raisings=tuple(
            replace(each, documents=_with_members(each.documents, members)) for each in rights.raisings
        ),
    )


def _listing(entry: Listing, members: Members) -> Listing:
    return replace(entry, documents=_with_members(entry.documents, members))


def _with_members(documents: frozenset[str], members: Members) -> frozenset[str]:
    return documents.union(*(members[each] for each in documents if each in members))
