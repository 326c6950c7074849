"""Claims of access tokens: RFC 9068 and IUA 3.71.4.2.2.1, bound to a certificate (RFC 8705)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from gateway.record.people import Code, Node
from gateway.tokens.asked import Asked, scope_of
from gateway.tokens.assertion import urn
from gateway.tokens.jws import thumbprint_claim
from gateway.tokens.subject import Person

KIND = "at+jwt"


def claims_of(
    *,
    issuer: str,
    audience: tuple[str, ...],
    client: Node,
    certificate: bytes,
    asked: Asked,
    person: Person | None,
    home_community: str,
    now: datetime,
    life: timedelta,
) -> dict[str, Any]:
    """The claims of a token for a person, or for the system itself (None), that `certificate` may use."""
    at = int(now.timestamp())
    told: dict[str, Any] = {
        "iss": issuer,
        "sub": client.name if person is None else person.uid,
        "client_id": client.name,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "exp": at + int(life.total_seconds()),
        "iat": at,
        "nbf": at,
        "jti": str(uuid4()),
        "scope": scope_of(asked),
        "cnf": {"x5t#S256": thumbprint_claim(certificate)},
    }
    extensions: dict[str, Any] = {"ihe_iua": _of_system(client) if person is None else _of_person(person)}
    extensions["ihe_iua"]["home_community_id"] = urn(home_community)
    own = {"emergency_reason": asked.emergency_reason, "on_behalf_of": asked.on_behalf_of}
    if any(own.values()):
        extensions["passerelle"] = {name: value for name, value in own.items() if value}
    if asked.patient is not None:
        extensions["ihe_iua"]["person_id"] = str(asked.patient)
        extensions["ihe_bppc"] = {"patient_id": str(asked.patient)}
    return {**told, "extensions": extensions}


def _of_system(client: Node) -> dict[str, Any]:
    return {
        "subject_name": client.name,
        "subject_organization": client.organisation_name,
        "subject_organization_id": urn(client.organisation),
    }


def _of_person(person: Person) -> dict[str, Any]:
    told = {
        "subject_name": person.name,
        "subject_organization": person.membership.name,
        "subject_organization_id": urn(person.membership.organisation),
        "subject_role": [_coding(person.role)],
        "purpose_of_use": [_coding(person.purpose)],
    }
    if person.national_id is not None:
        told["national_provider_identifier"] = person.national_id
    return told


def _coding(code: Code) -> dict[str, str]:
    told = {"system": urn(code.scheme) or "", "code": code.code}
    return {**told, "display": code.display} if code.display else told
