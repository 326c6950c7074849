"""The question put to the rights engine, with what several rules need of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from gateway.declare.actions import Action
from gateway.policy.model import Policy, Purpose, RoleRule, code_key
from gateway.record.access import Listing, PatientRights, Standing
from gateway.record.people import PatientId, Principal, SubjectKind

ANYONE = "*"
NO_DOCUMENTS: frozenset[str] = frozenset()

_CLOSED = PatientRights(open=False)


class Case(NamedTuple):
    """One question. `known` tells whether there is a record; `names` are all ids the subject acts under."""

    policy: Policy
    principal: Principal
    action: Action
    rights: PatientRights
    patient: PatientId | None
    at: datetime
    classes: frozenset[str] | None
    role: RoleRule | None
    purpose: Purpose | None
    known: bool
    names: frozenset[str]
    own: bool
    emergency: bool
    standing: Standing


def make_case(
    policy: Policy,
    principal: Principal,
    action: Action,
    rights: PatientRights | None,
    patient: PatientId | None,
    at: datetime,
    classes: frozenset[str] | None,
    standing: Standing,
) -> Case:
    """Look role and purpose up, gather the names, and see whether a patient acts in the own record."""
    role = policy.roles.get(code_key(principal.role)) if principal.role else None
    purpose = policy.purposes.get(code_key(principal.purpose)) if principal.purpose else None
    names = {principal.subject, *principal.provider_ids, *standing.names}
    if principal.organisation:
        names.add(principal.organisation)
    return Case(
        policy,
        principal,
        action,
        rights if rights is not None else _CLOSED,
        patient,
        at,
        classes,
        role,
        purpose,
        rights is not None and patient is not None,
        frozenset(names),
        _is_own(principal, role, patient),
        claims_emergency(policy, principal),
        standing,
    )


def claims_emergency(policy: Policy, principal: Principal) -> bool:
    """Whether emergency access is claimed: by a reason, or by a purpose that stands for it."""
    if principal.emergency_reason is not None:
        return True
    purpose = policy.purposes.get(code_key(principal.purpose)) if principal.purpose else None
    return purpose is not None and purpose.emergency


def _is_own(principal: Principal, role: RoleRule | None, patient: PatientId | None) -> bool:
    """Whether a patient acts in the own record: the subject of the login is that very identifier.

    The patient an assertion was issued for (resource-id) only narrows: whoever asks for it chooses it.
    """
    if principal.kind is not SubjectKind.PATIENT or patient is None or principal.on_behalf_of is not None:
        return False
    if role is None or not role.own_record:
        return False
    return principal.subject == str(patient)


# --- lists ---------------------------------------------------------------------------------------


def _named(entry: Listing, case: Case) -> bool:
    return (entry.subject in case.names or entry.subject == ANYONE) and entry.period.holds(case.at)


def holds_whole(entries: tuple[Listing, ...], case: Case) -> bool:
    """Whether an entry for the whole record names the person, the organisation or anyone now."""
    return any(not entry.documents and _named(entry, case) for entry in entries) if entries else False


def documents_of(entries: tuple[Listing, ...], case: Case) -> frozenset[str]:
    """Documents and folders that entries name for the person or the organisation now."""
    if not entries:
        return NO_DOCUMENTS
    return NO_DOCUMENTS.union(*(entry.documents for entry in entries if _named(entry, case)))
