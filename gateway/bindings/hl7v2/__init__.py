"""HL7 v2 over MLLP: reading, acknowledging, and the wire form (ITI TF-2 Appendix C)."""

from gateway.bindings.hl7v2.form import CLOSE, Envelope, Hl7Form
from gateway.bindings.hl7v2.message import NULL, STANDARD, Delimiters, Message, read_message
from gateway.declare.bindings import Segment

__all__ = [
    "CLOSE",
    "NULL",
    "STANDARD",
    "Delimiters",
    "Envelope",
    "Hl7Form",
    "Message",
    "Segment",
    "read_message",
]
