"""Responses to HL7 v2 queries: MSH, MSA, ERR, QAK, QPD, what was found (HL7 v2.5 5.3, 5.5.1, 5.5.2)."""

from __future__ import annotations

from datetime import datetime

from gateway.bindings.hl7v2.acknowledge import condition, ended, opening
from gateway.bindings.hl7v2.message import Message
from gateway.bindings.hl7v2.segments import encoded, text
from gateway.declare.bindings import Hl7Reply

_FOUND, _NOT_FOUND = "OK", "NF"


def response(
    request: Message, kind: tuple[str, str, str], reply: Hl7Reply, now: datetime, trace_id: str
) -> bytes:
    """The answer to a query: its tag (QPD-2) and its QPD come back as they were sent.

    QAK-2 (table 0208) is AE or AR as MSA-1 where the query is refused, and nothing follows the QPD then; else
    OK, or NF without segments. Refused when the character set of the request does not hold what was found.
    """
    errors = [problem for problem in reply.problems if not problem.warning]
    marks = request.delimiters
    status = _FOUND if reply.segments else _NOT_FOUND
    if errors:
        status = condition(errors[0]).acknowledgement
    written = ended(
        [
            *opening(request, reply.problems, now, trace_id, kind),
            marks.field.join(("QAK", request.field("QPD-2"), status)),
            request.sent("QPD"),
        ]
    )
    if errors:
        # As in an acknowledgement: nothing but words of our own can be unknown to the character set.
        return written.encode(request.encoding, "replace")
    return encoded(written + text(reply.segments, marks), request.charset)
