"""Lines of the operators' trail: syslog messages with structured data (RFC 5424), never patients' data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import OperatorRefused

FACILITY_AUDIT = 13
NOTICE, WARNING = 5, 4
DATA_ID = "operator@32473"
"""Structured data needs an enterprise number; 32473 is the one set apart for examples (RFC 5612)."""
_LONGEST = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True)
class Trail:
    """Writes lines for one machine and environment."""

    host: str
    environment: str

    def line(self, event: str, *, good: bool, at: datetime, **told: str) -> str:
        """One line: what happened (`event` becomes the MSGID), whether it succeeded, and who, whence, why."""
        severity = NOTICE if good else WARNING
        stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        outcome = "success" if good else "failure"
        data = {"environment": self.environment, "outcome": outcome, **told}
        head = f"<{FACILITY_AUDIT * 8 + severity}>1 {stamp} {_name(self.host)} passerelle {os.getpid()}"
        return f"{head} {_name(event)} [{DATA_ID}{_parameters(data)}] operator {event}: {outcome}"


def reason_of(error: Exception) -> str:
    """Why something was refused, for the trail only."""
    return error.reason if isinstance(error, OperatorRefused) else type(error).__name__


def _parameters(data: Mapping[str, str]) -> str:
    return "".join(f' {name}="{_value(value)}"' for name, value in data.items() if value)


def _value(text: str) -> str:
    """Escaped as the standard wants it (6.3.3); a line never has a line break in it."""
    clean = _CONTROL.sub("?", text[:_LONGEST])
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _name(text: str) -> str:
    return _NAME.sub("-", text)[:255] or "-"
