"""Makes patients known to the system under test: fresh identifiers, fed by ITI-8 (ADT^A01, HL7 v2.3.1)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from answer import Answer
from mllp_client import with_segment_ends

ACCEPTED = frozenset({"AA", "CA"})
ADMISSION = (
    "MSH|^~\\&|CONFORMANCE|RUNNER|REGISTRY|DOMAIN|{now}||ADT^A01|{control}|P|2.3.1\n"
    "EVN|A01|{now}\n"
    "PID|1||{patient}||TESTPERSON^{given}||19700101|U\n"
    "PV1|1|O\n"
)


class Feeder:
    """Gives out patients; `send` delivers the bytes of one HL7 v2 message."""

    def __init__(self, root: str, send: Callable[[bytes], Answer]) -> None:
        self._root = root
        self._send = send

    def unknown(self) -> str:
        """An identifier of the right domain that nobody has fed: `id^^^&OID&ISO`."""
        return f"C{uuid.uuid4().hex[:14].upper()}^^^&{self._root}&ISO"

    def feed(self, patient: str) -> Answer:
        """Announce `patient` (a CX) and return the acknowledgement."""
        now = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        given = patient.partition("^")[0]
        text = ADMISSION.format(now=now, control=uuid.uuid4().hex[:20], patient=patient, given=given)
        return self._send(with_segment_ends(text).encode())
