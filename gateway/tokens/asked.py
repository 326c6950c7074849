"""What is asked of a token: transactions, role, purpose of use, patient, organisation (IUA 3.71, XUA)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from gateway.errors import Meaning, Problem, Refused
from gateway.record.people import Code, PatientId
from gateway.tokens.names import OID_URN

_TRANSACTION = re.compile(r"[A-Z][A-Z0-9]{1,15}-[A-Z0-9-]{1,24}")
_CX = re.compile(r"(?P<id>[^\^&|]{1,256})\^\^\^&(?P<root>[0-2](?:\.(?:0|[1-9][0-9]*))+)&ISO")
_SINGLE: Mapping[str, str] = MappingProxyType(
    {
        "purpose_of_use": "purpose",
        "subject_role": "role",
        "person_id": "patient",
        "subject_organization_id": "organisation",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for; None or empty is not asked. Organisations are OIDs or URIs."""

    transactions: tuple[str, ...] = ()
    role: Code | None = None
    purpose: Code | None = None
    patient: PatientId | None = None
    organisation: str | None = None
    emergency_reason: str | None = None
    on_behalf_of: str | None = None

    @property
    def of_person(self) -> bool:
        """Whether something is asked that only a person has."""
        return any(getattr(self, each.name) for each in fields(self) if each.name != "transactions")


def asked_by(given: Mapping[str, str]) -> Asked:
    """What the parameters of a token request ask for.

    `scope` holds transactions, and `name=value` of role, purpose of use, patient, organisation. Refused
    (SCOPE_REFUSED) for anything else in it, and for what stands twice.
    """
    reason, other = given.get("emergency_reason"), given.get("on_behalf_of")
    asked = Asked(emergency_reason=reason, on_behalf_of=other)
    for part in given.get("scope", "").split():
        if _TRANSACTION.fullmatch(part):
            asked = replace(asked, transactions=tuple(dict.fromkeys((*asked.transactions, part))))
            continue
        name, _, value = part.partition("=")
        field = _SINGLE.get(name)
        if field is None or getattr(asked, field) is not None:
            raise refused_scope("a part of the scope is unknown, or stands twice")
        told: dict[str, Any] = {field: _read(field, value)}
        asked = replace(asked, **told)
    return asked


def scope_of(asked: Asked) -> str:
    """The scope that says the same, as the answer tells what was granted."""
    parts = [*asked.transactions]
    for name, field in _SINGLE.items():
        value = getattr(asked, field)
        if isinstance(value, Code):
            parts.append(f"{name}={_system(value.scheme)}|{value.code}")
        elif value is not None:
            parts.append(f"{name}={_system(value) if isinstance(value, str) else value}")
    return " ".join(parts)


def _read(field: str, value: str) -> Code | PatientId | str:
    if field == "patient":
        return patient_of(value)
    if field == "organisation":
        return _required(plain_oid(value), field)
    system, _, code = value.rpartition("|")
    return Code(_required(code, field), _required(plain_oid(system), field))


def patient_of(text: str) -> PatientId:
    """A patient id in CX form: id^^^&OID&ISO; Refused when it has another one."""
    match = _CX.fullmatch(text)
    if match is None:
        raise refused_scope("the patient is not written as id^^^&OID&ISO")
    return PatientId(match["id"], match["root"])


def plain_oid(text: str) -> str:
    """A URN of an OID as the OID alone; anything else as it is."""
    return text.removeprefix(OID_URN)


def _required(text: str, field: str) -> str:
    if not text:
        raise refused_scope(f"the {field} in the scope is not written as expected")
    return text


def _system(name: str) -> str:
    return name if ":" in name else OID_URN + name


def refused_scope(text: str, location: str = "scope") -> Refused:
    """What is asked for cannot be had (RFC 6749 5.2 invalid_scope, WS-Trust wst:InvalidScope)."""
    return Refused(Problem(Meaning.SCOPE_REFUSED, text, location))
