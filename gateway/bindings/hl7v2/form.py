"""HL7 v2 over MLLP (ITI TF-2 C.2): opens, matches, acknowledges and refuses messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from gateway import errors
from gateway.bindings.hl7v2.acknowledge import acknowledgement
from gateway.bindings.hl7v2.message import Message, read_header, read_message
from gateway.bindings.hl7v2.respond import response
from gateway.config import Limits
from gateway.declare.bindings import Hl7Reply, Hl7v2, Proven, Raw, Sealed
from gateway.declare.catalogue import Catalogue
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Defect, GatewayError, Malformed, Meaning, Problem, Refused
from gateway.record.people import Node

CLOSE = Sealed(status=0)
"""No answer: the transport closes the connection."""

_PROCESSING = frozenset({"P", "T", "D"})
_LONGEST_CONTROL_ID = 199
_LONGEST_MESSAGE_ID = 256

_MEANINGS: tuple[tuple[type[GatewayError], Meaning, str | None], ...] = (
    (errors.TooComplex, Meaning.DATA_TYPE, None),
    (errors.Malformed, Meaning.NOT_SUPPORTED, None),
    (errors.SignatureBroken, Meaning.DUPLICATE_KEY, "a message with this MSH-10 was received before"),
    (errors.NoRoom, Meaning.OUT_OF_RESOURCES, None),
    (errors.Busy, Meaning.BUSY, None),
    (errors.NodeNotPermitted, Meaning.NOT_PERMITTED, "this system is not enrolled for the transaction"),
    (errors.Denied, Meaning.NOT_PERMITTED, None),
    (errors.GatewayError, Meaning.GENERAL, "the message could not be accepted"),
)
"""Failures that are no refusals of a profile; a constant text says no more than the sender may know."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened message and the SHA-256 of its octets."""

    message: Message
    digest: bytes


@dataclass(frozen=True, kw_only=True)
class Hl7Form:
    """The HL7 v2 wire form. `environment` "prod" takes nothing but production messages (MSH-11)."""

    environment: str
    limits: Limits
    name: str = "hl7v2"
    signs_messages: bool = False
    carries_assertions: bool = False
    answers_again: bool = True
    admits_persons: bool = False

    def open(self, raw: Raw) -> Envelope:
        """Delimiters, character set and counts; segments stay unread."""
        return Envelope(read_message(raw.body, self.limits), raw.digest())

    def match(self, envelope: Envelope, catalogue: Catalogue) -> AnyTransaction:
        """By message type and trigger (MSH-9); version, structure and processing id must fit too."""
        message = envelope.message
        kind, trigger = message.value("MSH-9.1") or "", message.value("MSH-9.2") or ""
        # Blanks after a value are no part of it (HL7 v2.5 2.A.74).
        version = (message.value("MSH-12.1") or "").rstrip()
        transaction = catalogue.by_key.get(("hl7v2", f"{kind}^{trigger}", version))
        if transaction is None:
            raise _unknown(kind, trigger, catalogue)
        binding = transaction.binding
        if not isinstance(binding, Hl7v2):
            raise Defect(f"{transaction.code} is not bound to HL7 v2")
        _refuse_other_structure(message, binding, trigger)
        self._refuse_processing(message)
        return transaction

    def _refuse_processing(self, message: Message) -> None:
        mode = message.value("MSH-11.1")
        if not mode:
            raise _refused(Meaning.REQUIRED_FIELD, "MSH-11 is missing", "MSH^1^11")
        if mode not in _PROCESSING or (self.environment == "prod" and mode != "P"):
            text = "this processing id is not served in this environment"
            raise _refused(Meaning.UNSUPPORTED_PROCESSING, text, "MSH^1^11")

    def prove(self, envelope: Envelope, node: Node, now: datetime) -> Proven:  # noqa: ARG002 - nothing is signed
        """The message as it came, known by MSH-10 within its sending application and facility."""
        message = envelope.message
        control_id = message.value("MSH-10")
        if not control_id:
            raise _refused(Meaning.REQUIRED_FIELD, "MSH-10 is missing", "MSH^1^10")
        if len(control_id) > _LONGEST_CONTROL_ID:
            raise _refused(
                Meaning.DATA_TYPE, f"MSH-10 is longer than {_LONGEST_CONTROL_ID} characters", "MSH^1^10"
            )
        message_id = f"{message.field('MSH-3')}|{message.field('MSH-4')}|{message.field('MSH-10')}"
        if len(message_id) > _LONGEST_MESSAGE_ID:
            message_id = hashlib.sha256(message_id.encode()).hexdigest()
        return Proven(payload=message, message_id=message_id, digest=envelope.digest)

    def seal(
        self,
        reply: Hl7Reply,
        transaction: AnyTransaction,
        envelope: Envelope,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """The response to a query, or an acknowledgement: AA, or the refusal of the profile.

        Refused when the character set of the request does not hold what was found.
        """
        if not isinstance(transaction.binding, Hl7v2):
            raise Defect(f"{transaction.code} is not bound to HL7 v2")
        message = envelope.message
        # A query that cannot be repeated in its answer is refused as any other message.
        if reply.response is not None and message.segments("QPD"):
            return Sealed(pieces=(response(message, reply.response, reply, now, trace_id),))
        return Sealed(pieces=(acknowledgement(message, reply.problems, now, trace_id),))

    def fault(
        self,
        error: Exception,
        raw: Raw,
        envelope: Envelope | None,
        now: datetime,
        trace_id: str,
        to: str | None = None,  # noqa: ARG002 - all forms look alike
    ) -> Sealed:
        """An acknowledgement AE or AR; `CLOSE` to strangers, and where nothing like HL7 v2 was sent."""
        if isinstance(error, errors.NodeRefused | errors.TooLarge) or not raw.body.startswith(b"MSH"):
            return CLOSE
        request = envelope.message if envelope is not None else _usable_header(raw.body)
        return Sealed(pieces=(acknowledgement(request, _problems(error), now, trace_id),))


def _refuse_other_structure(message: Message, binding: Hl7v2, trigger: str) -> None:
    # The structure follows from the trigger. Systems older than MSH-9.3 put the trigger's own name there.
    structure, expected = message.value("MSH-9.3"), binding.structure_of(trigger)
    if structure and structure not in {expected, f"{binding.message}_{trigger}"}:
        text = f"MSH-9.3 is not {expected}, the structure of this trigger"
        raise _refused(Meaning.UNSUPPORTED_TYPE, text, "MSH^1^9^1^3")


def _unknown(kind: str, trigger: str, catalogue: Catalogue) -> Refused:
    # ITI TF-2 prescribes one version for each transaction, and systems tested against it expect a message of
    # any other to be refused. Versions before 2.5 also acknowledge errors in another form.
    event = f"{kind}^{trigger}"
    versions = [key[2] for key in catalogue.by_key if key[:2] == ("hl7v2", event)]
    if versions:
        text = f"MSH-12 is not {' or '.join(versions)}, the version of this transaction"
        return _refused(Meaning.UNSUPPORTED_VERSION, text, "MSH^1^12")
    if any(key[0] == "hl7v2" and key[1].startswith(f"{kind}^") for key in catalogue.by_key):
        return _refused(Meaning.UNSUPPORTED_TRIGGER, "this trigger event is not taken here", "MSH^1^9^1^2")
    return _refused(Meaning.UNSUPPORTED_TYPE, "this message type is not taken here", "MSH^1^9^1^1")


def _usable_header(data: bytes) -> Message | None:
    try:
        return read_header(data)
    except Malformed:
        return None


def _problems(error: Exception) -> tuple[Problem, ...]:
    """An exception as problems."""
    if isinstance(error, Refused):
        return error.problems
    for kind, meaning, constant in _MEANINGS:
        if isinstance(error, kind):
            return (Problem(meaning, constant or error.detail, error.location),)
    return (Problem(Meaning.GENERAL, "internal error"),)


def _refused(meaning: Meaning, text: str, location: str) -> Refused:
    return Refused(Problem(meaning, text, location))
