"""Requests that bring or name a Consent, and their answers (PCF 2:3.108.4, FHIR R4 http)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.bindings import FhirReply, FhirRequest, Octets
from gateway.declare.transaction import Answer, Naming, Target
from gateway.errors import Meaning
from gateway.record.consents import Consent, Directive, Status
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from profiles.pcf.codes import RESOURCE_TYPES
from profiles.pcf.errors import refused
from profiles.pcf.rules.decisions import needed
from profiles.pcf.rules.form import check
from profiles.pcf.wire.consent import check_categories, kept, read_patient, resource_of
from profiles.pcf.wire.provisions import read_provisions

_ETAG = re.compile(r'(?:W/)?"(?P<version>\d{1,9})"', re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A Consent in the body. `known` is the version that the caller has seen, if it tells."""

    patient: PatientId | int
    directives: tuple[Directive, ...]
    status: Status
    form: Mapping[str, Any] = field(hash=False)
    id: str = ""
    known: int | None = None
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A consent by the id in the URL; `version` where one is asked for, `seen` what the caller has read."""

    id: str
    version: int | None = None
    seen: int | None = None
    base: str


@dataclass(frozen=True, kw_only=True)
class Told(Answer):
    """A version of a consent; `created` sets Location."""

    consent: Consent
    base: str
    created: bool = False


# --- in ------------------------------------------------------------------------------------------


def read_brought(payload: FhirRequest, domain: Domain) -> Brought:
    """The Consent in the body, which must not name another than the URL."""
    consent = check(payload.resource)
    identifier = payload.variables.get("id", "")
    if identifier and consent.get("id", identifier) != identifier:
        text = "the id of the Consent is not that of the URL"
        raise refused(Meaning.DATA_TYPE, text, "Consent.id")
    check_categories(consent)
    return Brought(
        id=identifier,
        patient=read_patient(consent["patient"], domain),
        directives=read_provisions(consent, domain),
        status=Status(consent["status"]),
        form=kept(consent),
        known=_known(payload, consent),
        base=payload.base,
    )


def read_named(payload: FhirRequest, domain: Domain) -> Named:  # noqa: ARG001 - the shape of a codec
    """The id in the URL, with the version asked for and the one seen."""
    version = payload.variables.get("version")
    if version is not None and not _NUMBER.fullmatch(version):
        raise refused(Meaning.NOT_FOUND, "no consent is available at this URL", "Consent")
    return Named(
        id=payload.variables["id"],
        version=int(version) if version else None,
        seen=_matched(payload.if_match),
        base=payload.base,
    )


def _known(payload: FhirRequest, consent: Mapping[str, Any]) -> int | None:
    """If-Match, or the version that the resource itself tells."""
    told = consent.get("meta", {}).get("versionId", "")
    return _matched(payload.if_match) or (int(told) if _NUMBER.fullmatch(told) else None)


def _matched(if_match: str) -> int | None:
    if not if_match:
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise refused(Meaning.DATA_TYPE, 'expected an ETag like W/"1"', "If-Match")
    return int(found["version"])


# --- what it is about ----------------------------------------------------------------------------


def target_brought(request: Brought) -> Target:
    """The patient named, and the one to whom the consent of the URL belongs."""
    named = (Naming("consent", "logical-id", (request.id,)),) if request.id else ()
    by_id = isinstance(request.patient, int)
    return Target(
        patients=() if by_id else (request.patient,),  # type: ignore[arg-type]
        persons=(request.patient,) if by_id else (),  # type: ignore[arg-type]
        named=named,
        also=needed(request.directives),
    )


def target_named(request: Named) -> Target:
    """The patient to whom the consent belongs."""
    return Target(named=(Naming("consent", "logical-id", (request.id,)),))


# --- out -----------------------------------------------------------------------------------------


def audited(consents: Sequence[Consent]) -> tuple[tuple[str, Code], ...]:
    """The consents that the audit names."""
    return tuple((each.id, Code("Consent", RESOURCE_TYPES)) for each in consents)


def write_told(response: Told, domain: Domain) -> FhirReply:
    """200, or 201 with Location; with the version as ETag."""
    consent = response.consent
    headers = {
        "etag": f'W/"{consent.version}"',
        "last-modified": format_datetime(consent.at.astimezone(UTC), usegmt=True),
    }
    if response.created:
        headers["location"] = f"{response.base}/Consent/{consent.id}/_history/{consent.version}"
    content = Octets(orjson.dumps(resource_of(consent, domain)))
    return FhirReply(201 if response.created else 200, JSON, content, headers)
