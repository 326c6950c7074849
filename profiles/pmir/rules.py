"""What a Subscription must hold, and what it may ask for (PMIR 2:3.94.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gateway.bindings.fhirrequest import JSON, XML
from gateway.errors import Malformed, Meaning
from gateway.record.domain import Domain
from gateway.record.subscriptions import Criteria
from profiles.pdqm.rules import key_of, refused
from profiles.pmir import codes

_NOBODY = -1
"""A key that no person has."""
_OID = re.compile(r"(?:Organization/|urn:oid:)?(?P<root>[0-2](?:\.(?:0|[1-9]\d*))+)", re.ASCII)
_PAYLOADS = {JSON: JSON, "application/json": JSON, XML: XML, "application/xml": XML}
_MOST_CRITERIA = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A Subscription that follows the rules; whether the address may be called is not said."""

    active: bool
    address: str
    content_type: str
    criteria: Criteria


def read_subscription(resource: Any, domain: Domain) -> Wanted:
    """Refused with the element that does not serve."""
    if resource is None or resource["resourceType"] != "Subscription":
        raise refused(Meaning.DATA_TYPE, "expected a Subscription resource in the body", "Subscription")
    for name in ("implicitRules", "modifierExtension"):
        if name in resource:
            raise refused(Meaning.METADATA_INVALID, f"{name} is not allowed here", f"Subscription.{name}")
    status = resource["status"]
    if status not in {codes.REQUESTED, codes.OFF}:
        text = f"expected status {codes.REQUESTED} or {codes.OFF}; the others are for the registry to set"
        raise refused(Meaning.METADATA_INVALID, text, "Subscription.status")
    _check_contact(resource)
    channel = resource["channel"]
    return Wanted(
        active=status == codes.REQUESTED,
        address=_endpoint(channel),
        content_type=_payload(channel),
        criteria=read_criteria(resource["criteria"], domain),
    )


def _check_contact(resource: Any) -> None:
    contacts = resource.get("contact", ())
    if not contacts or any(name not in each for each in contacts for name in ("system", "value")):
        text = "contact with system and value is required"
        raise refused(Meaning.REQUIRED_FIELD, text, "Subscription.contact")


def _endpoint(channel: Any) -> str:
    if channel["type"] != codes.MESSAGE:
        text = f"expected a channel of type {codes.MESSAGE}"
        raise refused(Meaning.NOT_SUPPORTED, text, "Subscription.channel.type")
    if channel.get("header"):
        raise refused(Meaning.NOT_SUPPORTED, "header is not supported", "Subscription.channel.header")
    address: str = channel.get("endpoint", "")
    if not address:
        raise refused(Meaning.REQUIRED_FIELD, "endpoint is required", "Subscription.channel.endpoint")
    return address


def _payload(channel: Any) -> str:
    if not channel.get("payload"):
        raise refused(Meaning.REQUIRED_FIELD, "payload is required", "Subscription.channel.payload")
    found = _PAYLOADS.get(channel["payload"].partition(";")[0].strip().lower())
    if found is None:
        raise refused(Meaning.NOT_SUPPORTED, f"expected {JSON} or {XML}", "Subscription.channel.payload")
    return found


def read_criteria(text: str, domain: Domain) -> Criteria:
    """`Patient`, or `Patient?` with one of _id, organization and identifier; whom it names need not exist."""
    place = "Subscription.criteria"
    kind, question, query = text.partition("?")
    pairs = _pairs(query, place) if question else []
    if kind != "Patient" or len(text) > _MOST_CRITERIA or len(pairs) > 1 or bool(question) is not bool(pairs):
        told = "expected Patient, or Patient? with one of _id, organization and identifier"
        raise refused(Meaning.NOT_SUPPORTED, told, place)
    if not pairs:
        return Criteria()
    name, value = pairs[0]
    if not value or "," in value:
        raise refused(Meaning.DATA_TYPE, f"expected one value of {name}", place)
    match name:
        case "_id":
            key = key_of(value.removeprefix("Patient/"))
            return Criteria(person=key if key is not None else _NOBODY)
        case "organization":
            return Criteria(root=_organisation(value, place))
        case "identifier":
            return _identifier(value, domain)
    raise refused(Meaning.NOT_SUPPORTED, "expected _id, organization or identifier", place)


def _pairs(query: str, place: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise Malformed("expected name=value in percent-encoded UTF-8", location=place) from error


def _organisation(value: str, place: str) -> str:
    """An organisation is told by the domain of identifiers that it assigns, as an OID."""
    found = _OID.fullmatch(value)
    if found is None:
        told = "expected the OID of the organisation that assigns identifiers: Organization/2.999.1"
        raise refused(Meaning.NOT_SUPPORTED, told, place)
    return found["root"]


def _identifier(value: str, domain: Domain) -> Criteria:
    """A token: system and value, or either. A system that is not known here has no patients."""
    system, separator, rest = value.partition("|")
    if not separator:
        return Criteria(value=value)
    if not system:
        return Criteria(value=rest)
    root = domain.root_of_system(system)
    if root is None:
        return Criteria(person=_NOBODY)
    return Criteria(root=root, value=rest or None)
