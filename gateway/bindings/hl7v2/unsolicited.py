"""HL7 v2.5 messages that we send of our own accord, and how their acknowledgement is read (ITI TF-2 C.2)."""

from __future__ import annotations

from gateway.bindings.hl7v2.message import read_message
from gateway.bindings.hl7v2.segments import Segment, encoded, line
from gateway.config import Limits
from gateway.declare.bindings import Hl7Field
from gateway.declare.notification import Reception, Telling
from gateway.record.domain import Domain
from gateway.record.people import PatientId

_UTF_8 = "UNICODE UTF-8"
_LONGEST_CONTROL_ID = 20
_SPACE = " "


def control_id(message_id: str) -> str:
    """MSH-10 of a message id: 20 characters, different for every message."""
    return message_id.replace("-", "")[:_LONGEST_CONTROL_ID]


def patient_ids(identifiers: tuple[PatientId, ...], domain: Domain) -> Hl7Field:
    """A field of CX, each with namespace, OID and type of its authority (ITI TF-2 Appendix E)."""
    domains = domain.identity_domains
    return tuple(
        (each.extension, "", "", (domains[each.root].namespace, each.root, "ISO")) for each in identifiers
    )


def event(telling: Telling, code: str, message: tuple[str, str, str], message_id: str) -> tuple[Segment, ...]:
    """MSH and EVN; `message` is MSH-9, `code` the transaction. The event occurred when it is told."""
    at = telling.at.strftime("%Y%m%d%H%M%S+0000")
    domain, subscriber, node = telling.domain, telling.subscriber, telling.node
    header: tuple[Hl7Field, ...] = (
        ((domain.affinity_namespace, domain.source, "ISO"),),
        ((domain.affinity_namespace, domain.home_community, "ISO"),),
        _named(subscriber.application, ((node.name,),)),
        _named(subscriber.facility, (("", node.organisation, "ISO"),)),
        at,
        "",
        (message,),
        message_id,
        "P" if domain.environment == "prod" else "T",
        "2.5",
        *("",) * 8,
        ((code, "IHE"),),
    )
    return Segment("MSH", header), Segment("EVN", (message[1], at, "", "", "", at))


def nameless(identifiers: Hl7Field) -> Segment:
    """A PID that says who, and nothing of the person: a name of one space (ITI TF-2 3.10.4.1.2.3)."""
    return Segment("PID", ("", "", identifiers, "", _SPACE))


def written(segments: tuple[Segment, ...]) -> bytes:
    """The message; MSH-18 is set where it is more than ASCII."""
    lines = [_ended(line(each)) for each in segments]
    if all(each.isascii() for each in lines):
        return encoded("".join(lines), "")
    fields = lines[0].split("|")
    fields[17] = _UTF_8
    return encoded("".join(["|".join(fields), *lines[1:]]), _UTF_8)


def reception(status: int, answer: bytes) -> Reception:  # noqa: ARG001 - there is no status over MLLP
    """MSA-1: AE is not to be sent again unchanged; what was rejected may be taken later (C.2.3)."""
    match read_message(answer, Limits()).value("MSA-1"):
        case "AA" | "CA":
            return Reception.TAKEN
        case "AE" | "CE":
            return Reception.REFUSED
        case _:
            return Reception.AGAIN


def _named(told: str | None, otherwise: Hl7Field) -> Hl7Field:
    """An HD as the operator wrote it, or what the node is called."""
    return (tuple(told.split("^")),) if told else otherwise


def _ended(text: str) -> str:
    """A space at the end of a segment is lost with receivers that strip lines."""
    return f"{text}|\r" if text.endswith(_SPACE) else f"{text}\r"
