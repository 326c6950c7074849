"""A patient feed that comes in: MessageHeader and history → what is told of one patient (PMIR 2:3.93.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.record.people import PatientId
from profiles.pdqm.rules import (
    REPLACED_BY,
    check_fed,
    checked_value,
    read_identifiers,
    refused,
    token_of,
)
from profiles.pdqm.wire.patient import read_demographics
from profiles.pdqm.wire.values import Json
from profiles.pixm.rules import read_survivor
from profiles.pmir.codes import FEED_EVENT

_HISTORY = "Bundle.entry[1].resource"
_SUCCESS = "2"


@dataclass(frozen=True, slots=True)
class Removal:
    """The identifier that ends."""

    identifier: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`message_id` is that of the MessageHeader; `told` is what became of one patient."""

    message_id: str
    told: PatientFeed | PatientMerge | Removal


def read_message(resource: Any, domain: Domain) -> Message:
    """Refused unless it is a message of two entries whose history tells of one patient."""
    if resource is None or resource["resourceType"] != "Bundle" or resource["type"] != "message":
        raise refused(Meaning.DATA_TYPE, "expected a Bundle of type message in the body", "Bundle.type")
    entries = resource.get("entry", ())
    kinds = [each.get("resource", {}).get("resourceType") for each in entries]
    if kinds != ["MessageHeader", "Bundle"]:
        text = "expected two entries: a MessageHeader and a Bundle of type history"
        raise refused(Meaning.METADATA_INVALID, text, "Bundle.entry")
    header, history = entries[0]["resource"], entries[1]["resource"]
    _check_header(header, entries[1])
    if history["type"] != "history":
        raise refused(Meaning.METADATA_INVALID, "expected a Bundle of type history", f"{_HISTORY}.type")
    return Message(message_id=header.get("id", ""), told=_told(history.get("entry", ()), domain))


def _check_header(header: Json, focused: Json) -> None:
    place = "Bundle.entry[0].resource"
    for name in ("implicitRules", "modifierExtension"):
        if name in header:
            raise refused(Meaning.METADATA_INVALID, f"{name} is not allowed here", f"{place}.{name}")
    if header.get("eventUri") != FEED_EVENT:
        raise refused(Meaning.NOT_SUPPORTED, f"expected the event {FEED_EVENT}", f"{place}.eventUri")
    for name in ("id", "destination", "focus"):
        if not header.get(name):
            raise refused(Meaning.REQUIRED_FIELD, f"{name} is required", f"{place}.{name}")
    focus = [each.get("reference") for each in header["focus"]]
    own = {focused.get("fullUrl"), f"Bundle/{focused['resource'].get('id', '')}"}
    if len(focus) > 1 or not own.intersection(focus):
        raise refused(Meaning.METADATA_INVALID, "expected one focus, the history", f"{place}.focus")


def _told(entries: Sequence[Json], domain: Domain) -> PatientFeed | PatientMerge | Removal:
    """The one change; how persons are related is not kept, so that a RelatedPerson changes nothing."""
    changes = [
        (f"{_HISTORY}.entry[{at}]", each)
        for at, each in enumerate(entries)
        if each.get("resource", {}).get("resourceType") != "RelatedPerson"
    ]
    if not changes:
        raise refused(Meaning.REQUIRED_FIELD, "the history tells of no patient", f"{_HISTORY}.entry")
    if len(changes) > 1:
        text = "several patients in one message; expected one, in a message of its own"
        raise refused(Meaning.NOT_SUPPORTED, text, f"{_HISTORY}.entry")
    place, entry = changes[0]
    status = entry.get("response", {}).get("status", _SUCCESS)
    if not status.startswith(_SUCCESS):
        text = "only changes that succeeded are told"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.response.status")
    method = entry.get("request", {}).get("method")
    if method == "DELETE":
        return Removal(_removed(entry, place, domain))
    if method not in {"POST", "PUT"}:
        raise refused(Meaning.METADATA_INVALID, "expected POST, PUT or DELETE", f"{place}.request.method")
    patient = entry.get("resource", {})
    if patient.get("resourceType") != "Patient":
        raise refused(Meaning.METADATA_INVALID, "expected a Patient", f"{place}.resource")
    return _change(patient, f"{place}.resource", domain)


def _change(patient: Json, place: str, domain: Domain) -> PatientFeed | PatientMerge:
    check_fed(patient, place)
    identifiers = read_identifiers(patient, domain, place)
    if not identifiers.known:
        text = "none of the identifiers is of a domain that is known here"
        raise refused(Meaning.UNKNOWN_KEY, text, f"{place}.identifier")
    if any(each["type"] == REPLACED_BY for each in patient.get("link", ())):
        survivor = read_survivor(patient, domain, place)
        subsumed = [each for each in identifiers.known if each.root == survivor.root]
        if len(subsumed) != 1:
            text = "expected one identifier of the domain of the survivor"
            raise refused(Meaning.METADATA_INVALID, text, f"{place}.identifier")
        return PatientMerge(survivor=survivor, subsumed=subsumed[0], message_id="")
    if patient.get("active") is False:
        text = "an inactive Patient must tell who replaces it; a patient is taken away by DELETE"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.active")
    demographics = replace(read_demographics(patient), identifiers=identifiers.other or None)
    return PatientFeed(identifiers=identifiers.known, demographics=demographics, message_id="", whole=True)


def _removed(entry: Json, place: str, domain: Domain) -> PatientId:
    """By the identifier in `Patient?identifier=`: logical ids are those of the sender, and not kept here."""
    kind, _, query = str(entry["request"].get("url", "")).partition("?")
    given = parse_qsl(query, keep_blank_values=True)
    if kind.rpartition("/")[2] != "Patient" or [name for name, _ in given] != ["identifier"]:
        text = "expected Patient?identifier=<system>|<value>; logical ids of other servers are not kept"
        raise refused(Meaning.NOT_SUPPORTED, text, f"{place}.request.url")
    system, value = token_of(given[0][1], f"{place}.request.url")
    root = domain.root_of_system(system)
    if root is None:
        text = "the identifier is of a domain that is not known here"
        raise refused(Meaning.UNKNOWN_KEY, text, f"{place}.request.url")
    return PatientId(checked_value(value, f"{place}.request.url"), root)
