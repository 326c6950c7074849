"""HL7 v2 over MLLP: reading, acknowledging, and the wire form (ITI TF-2 Appendix C)."""

from gateway.bindings.hl7v2.form import CLOSE, Envelope, Hl7Form
from gateway.bindings.hl7v2.message import Delimiters, Message, read_message

__all__ = ["CLOSE", "Delimiters", "Envelope", "Hl7Form", "Message", "read_message"]
