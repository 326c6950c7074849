"""What an A43 says: identifiers in fixed places, each with the OID of its authority (ITI TF-2 3.64.4.1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pix.rules import ISO, extension, place, refused, require_event, require_segments

_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_LONGEST_OID = 128
_BOTH = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """Documents of `local` (and `subsumed`, which ends in it) go from `previous` to `new`.

    `source_id` is the OID of the sending system, where it was sent.
    """

    new: PatientId
    previous: PatientId
    local: PatientId
    subsumed: PatientId | None
    source_id: str | None
    message_id: str


def read_change(message: Message, domain: Domain) -> LinkChange:
    """A43: MSH, EVN, PID, MRG, each once."""
    require_segments(message, "EVN", "PID", "MRG")
    require_event(message)
    count, merged = message.repetitions("PID-3"), message.repetitions("MRG-1")
    if count != _BOTH:
        _refuse_count(count, "PID-3", "2")
    if merged not in {1, _BOTH}:
        _refuse_count(merged, "MRG-1", "1 or 2")
    local = _identifier(message, "PID-3[2]", domain)
    subsumed = _identifier(message, "MRG-1[2]", domain) if merged == _BOTH else None
    if subsumed is not None and subsumed.root != local.root:
        text = "the local identifiers are of different authorities"
        raise refused(Meaning.UNKNOWN_KEY, text, place("MRG-1[2].4"))
    return LinkChange(
        new=_shared(message, "PID-3[1]", domain),
        previous=_shared(message, "MRG-1[1]", domain),
        local=local,
        subsumed=subsumed if subsumed != local else None,
        source_id=_sender(message),
        message_id=message.value("MSH-10") or "",
    )


def _refuse_count(count: int, field: str, expected: str) -> None:
    meaning = Meaning.REQUIRED_FIELD if count < _BOTH else Meaning.DUPLICATE_KEY
    raise refused(meaning, f"{count} identifiers were sent in {field}, expected {expected}", place(field))


def _shared(message: Message, path: str, domain: Domain) -> PatientId:
    """An identifier of the affinity domain."""
    found = _identifier(message, path, domain)
    if not domain.accepts(found.root):
        raise refused(Meaning.UNKNOWN_KEY, "not an identifier of the affinity domain", place(f"{path}.4"))
    return found


def _identifier(message: Message, path: str, domain: Domain) -> PatientId:
    """CX with value and OID; the namespace may be there too, and then is that of the OID."""
    value, oid = message.value(f"{path}.1"), message.value(f"{path}.4.2")
    if not value:
        raise refused(Meaning.REQUIRED_FIELD, "an identifier has no value", place(f"{path}.1"))
    if not oid or message.value(f"{path}.4.3") != ISO:
        raise refused(Meaning.REQUIRED_FIELD, "an identifier has no OID of its authority", place(f"{path}.4"))
    if len(oid) > _LONGEST_OID or not _OID.fullmatch(oid):
        raise refused(Meaning.DATA_TYPE, "not an OID", place(f"{path}.4.2"))
    namespace = message.value(f"{path}.4.1")
    known = domain.root_of_namespace(namespace) if namespace else None
    if known is not None and known != oid:
        text = "namespace and OID name two different authorities"
        raise refused(Meaning.UNKNOWN_KEY, text, place(f"{path}.4"))
    return PatientId(extension(value, place(f"{path}.1")), oid)


def _sender(message: Message) -> str | None:
    """The OID in MSH-3, as universal id or alone."""
    for part in ("MSH-3.2", "MSH-3.1"):
        sent = message.value(part)
        if sent and len(sent) <= _LONGEST_OID and _OID.fullmatch(sent):
            return sent
    return None
