"""Grants as the stores need them: by records, and of one document (habilitation rules P4, P6, P9)."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.record.access import Grant, Scope


def visible(
    grant: Grant, *, rank: int, document_class: str | None, unique_id: str, organisation: str | None
) -> bool:
    """Whether a grant shows one document."""
    told = withheld_by(
        grant, rank=rank, document_class=document_class, unique_id=unique_id, organisation=organisation
    )
    return told is None


def withheld_by(
    grant: Grant, *, rank: int, document_class: str | None, unique_id: str, organisation: str | None
) -> tuple[str, str] | None:
    """The rule that hides one document, and its reason; None where the grant shows it."""
    if unique_id in grant.hidden:
        return "P4", "BLACKLIST"
    if grant.classes is not None and document_class not in grant.classes:
        return "P6", "PROFILE"
    own = grant.organisation is not None and organisation == grant.organisation
    if own or unique_id in grant.lifted or (rank <= grant.rank and unique_id not in grant.veiled):
        return None
    return "P9", "CONFIDENTIALITY"


def groups_of(scope: Scope) -> list[tuple[Grant, list[int]]]:
    """Record keys that share a grant: a patient and all identities merged into it."""
    groups: dict[int, tuple[Grant, list[int]]] = {}
    for key, grant in scope.grants.items():
        groups.setdefault(id(grant), (grant, []))[1].append(key)
    return list(groups.values()) if len(groups) == 1 else _alike(groups.values())


def _alike(groups: Iterable[tuple[Grant, list[int]]]) -> list[tuple[Grant, list[int]]]:
    """Groups of several patients whose grants are equal become one, so that a statement stays short."""
    merged: dict[Grant, list[int]] = {}
    for grant, keys in groups:
        merged.setdefault(grant, []).extend(keys)
    return list(merged.items())
