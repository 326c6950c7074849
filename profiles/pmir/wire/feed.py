"""A patient feed as a FHIR message: MessageHeader, and the history of the patients told (PMIR 2:3.93.4.1).

Which patients changed is noted with the change; who they are is told as of the moment at which the message
leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import Node
from profiles.pdqm.wire.patient import write_patient
from profiles.pmir.codes import DEFINITION, FEED_EVENT

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that waits. `created` are persons that are new to the receiver, `changed` the others.

    `domains` are the OIDs of interest, "*" all. `subscription` is the one that asked for it.
    """

    message_id: str
    bundle_id: str
    address: str
    xml: bool
    created: tuple[int, ...]
    changed: tuple[int, ...]
    domains: tuple[str, ...]
    subscription: int | None = None

    def dump(self) -> bytes:
        """JSON."""
        return orjson.dumps(self)

    @classmethod
    def load(cls, data: bytes) -> Draft:
        """What `dump` wrote."""
        kept = orjson.loads(data)
        listed = {name: tuple(kept[name]) for name in ("created", "changed", "domains")}
        return cls(**{**kept, **listed})

    def wants(self, root: str) -> bool:
        """Whether a domain of identifiers is of interest."""
        return root in self.domains or "*" in self.domains

    def narrowed(self, person: Person) -> Person:
        """The person with the identifiers that are of interest."""
        return replace(
            person, identifiers=tuple(each for each in person.identifiers if self.wants(each.root))
        )


def message(draft: Draft, entries: Sequence[Json], domain: Domain, node: Node, at: datetime) -> Json:
    """The Bundle of type message: the header, and behind it the history of its patients."""
    stamp = at.astimezone(UTC).isoformat(timespec="seconds")
    header = {
        "resourceType": "MessageHeader",
        "id": draft.message_id,
        "eventUri": FEED_EVENT,
        "destination": [{"name": node.name, "endpoint": draft.address}],
        "source": {"name": domain.affinity_namespace, "endpoint": f"{domain.base_url}/fhir"},
        "focus": [{"reference": f"urn:uuid:{draft.bundle_id}"}],
        "definition": DEFINITION,
    }
    history = {
        "resourceType": "Bundle",
        "id": draft.bundle_id,
        "type": "history",
        "timestamp": stamp,
        "entry": list(entries),
    }
    return {
        "resourceType": "Bundle",
        "id": draft.message_id,
        "type": "message",
        "timestamp": stamp,
        "entry": [
            {"fullUrl": f"urn:uuid:{draft.message_id}", "resource": header},
            {"fullUrl": f"urn:uuid:{draft.bundle_id}", "resource": history},
        ],
    }


def written(person: Person, domain: Domain, *, created: bool) -> Json:
    """The entry of a person who is there, or has become part of another (active false, replaced-by)."""
    base = f"{domain.base_url}/fhir"
    request = {"method": "POST", "url": "Patient"}
    if not created:
        request = {"method": "PUT", "url": f"Patient/{person.logical_id}"}
    return {
        "fullUrl": f"{base}/Patient/{person.logical_id}",
        "resource": write_patient(person, domain, base),
        "request": request,
        "response": {"status": "201" if created else "200"},
    }


def deleted(key: int, domain: Domain) -> Json:
    """The entry of a person of whom nothing is to be seen any more."""
    return {
        "fullUrl": f"{domain.base_url}/fhir/Patient/{key:x}",
        "request": {"method": "DELETE", "url": f"Patient/{key:x}"},
        "response": {"status": "204"},
    }


def response_code(resource: Any) -> str | None:
    """MessageHeader.response.code of the receiver's message; None where there is no such message."""
    entries: Iterable[Any] = resource.get("entry", ()) if isinstance(resource, dict) else ()
    for each in entries:
        found = each.get("resource", {}) if isinstance(each, dict) else {}
        if isinstance(found, dict) and found.get("resourceType") == "MessageHeader":
            answered = found.get("response")
            return answered.get("code") if isinstance(answered, dict) else None
    return None
