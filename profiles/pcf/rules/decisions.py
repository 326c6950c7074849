"""Who may say what in a consent, and which documents it may name (habilitation rule P5, PCF 2:3.108.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.errors import Denied, Meaning
from gateway.record.consents import Consent, Directive, Kind
from gateway.record.people import PatientId, SubjectKind
from gateway.stores.search import CURRENT, ENTRY, FOLDER, Ask, Condition
from profiles.pcf.codes import UUID
from profiles.pcf.errors import refused

_BY_PATIENT = "patient"


def needed(directives: Iterable[Directive]) -> tuple[Action, ...]:
    """What a request does beside changing rights: a mandate makes somebody act for the patient."""
    gives = any(each.kind is Kind.MANDATE for each in directives)
    return (Action.MANDATE_GIVE,) if gives else ()


def check_givers(call: Call[Any], directives: Iterable[Directive]) -> None:
    """A patient gives mandates as the patient; those of parents and by law are recorded by others."""
    if call.principal.kind is not SubjectKind.PATIENT:
        return
    if any(each.kind is Kind.MANDATE and each.given_by != _BY_PATIENT for each in directives):
        text = "a mandate that the patient gives has given-by patient"
        raise refused(Meaning.METADATA_INVALID, text, "Consent.provision")


def check_holder(call: Call[Any], before: Consent) -> None:
    """A consent that holds a mandate is changed or ended by the patient alone."""
    mandated = any(each.kind is Kind.MANDATE for each in before.directives)
    own = call.principal.subject == str(before.patient) and call.principal.on_behalf_of is None
    if mandated and not own:
        raise Denied("the request is not permitted", reason="MANDATE")


def patient_in(call: Call[Any], named: PatientId | int) -> PatientId:
    """The patient of the record that the decision opened."""
    keys = call.scope.keys
    if isinstance(named, PatientId) and named in keys:
        return named
    found = list(keys)
    if len(found) != 1:
        text = "the patient has several identifiers here; name the one that is meant"
        raise refused(Meaning.SEVERAL_PATIENTS, text, "Consent.patient")
    return found[0]


async def resolved(
    call: Call[Any], services: Services, directives: Sequence[Directive], before: Consent | None = None
) -> tuple[Directive, ...]:
    """The directives with uniqueIds only; Refused for a document or folder that is not in the record.

    What the version before named is not looked for again: it may be gone.
    """
    seen = {name for each in before.directives for name in each.documents} if before else set()
    wanted = {name for each in directives for name in each.documents} - seen
    known = await _known(call, services, sorted(wanted)) if wanted else {}
    if wanted - set(known):
        text = "a document or folder is not in the record of the patient"
        raise refused(Meaning.UNKNOWN_KEY, text, "Consent.provision.data")
    names = {**{name: name for name in seen}, **known}
    return tuple(
        replace(each, documents=frozenset(names[name] for name in each.documents)) for each in directives
    )


async def _known(call: Call[Any], services: Services, names: Sequence[str]) -> dict[str, str]:
    """The uniqueId of each name, a uniqueId or entryUUID, that stands in the record."""
    found: dict[str, str] = {}
    ids = tuple(name for name in names if name.startswith(UUID))
    others = tuple(name for name in names if not name.startswith(UUID))
    for kind in (ENTRY, FOLDER):
        for column, values in (("uuid", ids), ("unique_id", others)):
            asked = (Condition(column, Ask.IN, values),)
            rows = await services.registry.find(call.scope, kind, asked, len(values), CURRENT)
            found |= {getattr(row, column): row.unique_id for row in rows}
    return found
