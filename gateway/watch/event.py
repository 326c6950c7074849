"""One event as the rules of the watch see it: who, from where, about how many patients; never which."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, unique
from typing import Any, Literal, NamedTuple

import orjson

from gateway.declare import events
from gateway.errors import Malformed
from gateway.record.events import AuditRecord

SubjectKind = Literal["person", "node", "organisation", "address", "patient"]
_SERIOUS = 8
_READS = frozenset({"R", "E"})
_SHOWN = frozenset({events.QUERY.code, events.EXPORT.code, events.RESTFUL.code})
_PROFESSIONAL, _PATIENT = "professional", "patient"
_REPORT = "3"
_OID_URN = "urn:oid:"
_NAME_LIMIT = 256


class Subject(NamedTuple):
    """Whom a rule watches. A patient who acts stands here as a digest."""

    kind: SubjectKind
    name: str

    @property
    def key(self) -> str:
        """Its name in the memory of the watch."""
        return f"{self.kind}|{self.name}"


@unique
class What(Enum):
    """What an event was, as far as rules tell events apart."""

    USE = "use"
    ASSERTION = "assertion refused"
    NODE = "node refused"
    MESSAGE = "message refused"
    EMERGENCIES = "too many emergency accesses"
    OTHER = "other"


@unique
class Kin(Enum):
    """What a professional and a patient have in common, as far as directory and index tell."""

    SELF_NUMBER = "a number of the professional's own entry is one of the patient"
    SELF_NAME = "the patient bears the professional's own full name"
    HOUSEHOLD = "the patient lives at the professional's home address"
    FAMILY = "the patient bears the professional's family name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event. `name` is its logical id, `at` milliseconds since 1970; `patients` are keyed digests.

    `missed` is the number of documents that were asked for in vain.
    """

    name: str
    at: int
    what: What
    node: str = ""
    address: str = ""
    person: Subject | None = None
    organisation: str | None = None
    refused: bool = False
    reads: bool = False
    emergency: bool = False
    missed: int = 0
    patients: tuple[int, ...] = ()
    kin: tuple[Kin, ...] = ()

    @property
    def professional(self) -> Subject | None:
        """The person, unless it is a patient."""
        return self.person if self.person is not None and self.person.kind == "person" else None


Digest = Callable[[Iterable[str]], list[int]]
"""Keyed digests of terms, as events are found by."""


def seen_of(
    record: AuditRecord,
    name: str,
    digest: Digest,
    *,
    evidence: str | None = None,
    decision: str | None = None,
    sender: str | None = None,
    latest: datetime | None = None,
) -> Seen | None:
    """What the rules see of an event; None for what the watch and the handling of incidents write themselves.

    `name` is its logical id. `evidence` and `decision` are those of a row of our trail; Malformed where one
    cannot be read. Of what another system told there are none, `sender` is the node, and a time after
    `latest`, when it came, is not believed.
    """
    kinds = {each.code for each in record.types}
    if kinds & _OWN:
        return None
    proof, receipt = _object(evidence), _object(decision)
    who: dict[str, Any] = receipt.get("asked", {}).get("who", {})
    at = record.at if latest is None or record.at <= latest else latest
    stamp = int(at.timestamp() * 1_000)
    return Seen(
        name=name,
        at=stamp,
        what=_what(record, kinds),
        node=_node(proof, sender),
        address=_address(record),
        person=_person(record, who, digest) if receipt or evidence is None else None,
        organisation=_organisation(who),
        refused=_refused(record, receipt, received=evidence is None),
        reads=record.action in _READS and record.event.code in _SHOWN,
        missed=_missed(record),
        emergency=events.EMERGENCY_STARTED.code in kinds,
        patients=tuple(digest(f"patient|{each}" for each in record.patients)),
    )


def _read_slowly(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Malformed("evidence or decision of the row is no JSON") from error


def _name(text: str) -> str:
    """A name that every database takes, whatever somebody wrote into a token or an event."""
    return text[:_NAME_LIMIT].encode("utf-8", "replace").decode().replace("\x00", "?")


def _missed(record: AuditRecord) -> int:
    """Documents of an event that failed; a retrieve that found some tells of the others in one of its own."""
    if record.outcome < _SERIOUS or record.event.code not in _SHOWN:
        return 0
    return sum(each.role == _REPORT for each in record.entities)


def _object(text: str | None) -> dict[str, Any]:
    """A token may carry half a surrogate pair, which only the slower reader takes."""
    try:
        found = {} if text is None else orjson.loads(text)
    except ValueError:
        found = _read_slowly(text or "")
    if not isinstance(found, dict):
        raise Malformed("evidence or decision of the row is no JSON object")
    return found


_OWN = frozenset({events.WATCH_ALERT.code, events.INCIDENT_STEP.code})
_BROKEN = frozenset({events.MESSAGE_SECURITY.code, events.PROTOCOL_ABUSE.code})


def _what(record: AuditRecord, kinds: set[str]) -> What:
    if record.event.code == events.USER_AUTHENTICATION.code:
        failed = events.LOGIN.code in kinds and record.outcome >= _SERIOUS
        return What.ASSERTION if failed else What.OTHER
    if record.event.code == events.SECURITY_ALERT.code:
        if events.EMERGENCIES_EXCEEDED.code in kinds:
            return What.EMERGENCIES
        if events.NODE_AUTHENTICATION.code in kinds:
            return What.NODE
        return What.MESSAGE if kinds & _BROKEN else What.OTHER
    return What.USE


def _node(proof: dict[str, Any], sender: str | None) -> str:
    """The node by its certificate. Of a connection that did not come about, the evidence names no more."""
    node = sender if sender is not None else proof.get("node", "")
    known = proof.get("node_certificate_sha256") is not None or sender is not None
    return _name(str(node)) if known and node != "unknown" else ""


def _address(record: AuditRecord) -> str:
    found = next((each for each in record.agents if each.requestor and each.address), None)
    return _name(found.address or "") if found is not None else ""


def _person(record: AuditRecord, who: dict[str, Any], digest: Digest) -> Subject | None:
    human = record.human
    name = human.user_id if human is not None else ""
    kind = who.get("kind")
    if not name or kind not in {None, _PROFESSIONAL, _PATIENT}:
        return None
    if kind == _PATIENT or "^" in name:
        (hidden,) = digest([f"patient|{name}"])
        return Subject("patient", f"{hidden & 0xFFFFFFFFFFFFFFFF:016x}")
    return Subject("person", _name(name))


def _organisation(who: dict[str, Any]) -> str | None:
    named = who.get("organisation")
    return None if named is None else _name(str(named).removeprefix(_OID_URN))


def _refused(record: AuditRecord, receipt: dict[str, Any], *, received: bool) -> bool:
    """Refused by the rights, or after they were asked; of others it is known that it failed."""
    answers = receipt.get("decisions", ())
    denied = bool(answers) and not any(each["permitted"] for each in answers)
    return denied or (record.outcome >= _SERIOUS and (received or bool(receipt)))
