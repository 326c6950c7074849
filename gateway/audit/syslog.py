"""An audit message as a syslog message (RFC 5424), as ITI-20 sends it (ITI TF-2 3.20.4.1.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

FACILITY = 10
"""Security and authorization messages."""
NOTICE, WARNING = 5, 4
MESSAGE_ID = "IHE+RFC-3881"
APPLICATION, VERSION = "passerelle", "1"
_NOT_A_NAME = re.compile(r"[^!-~]")
_REPEATED = "resent@32473"


def syslog_message(
    message: str, *, at: datetime, outcome: int, host: str, process: str, position: int, repeated: bool
) -> bytes:
    """The octets of one syslog message without framing.

    `position` is the place of the message in our audit trail. A message that may have been received before
    says so in a structured-data element, with that place; others carry none.
    """
    data = f'[{_REPEATED} position="{position}"]' if repeated else "-"
    head = (
        f"<{priority(outcome)}>{VERSION} {timestamp(at)} {_named(host, 255)} {APPLICATION}"
        f" {_named(process, 128)} {MESSAGE_ID} {data} "
    )
    return head.encode("ascii") + message.encode()


def priority(outcome: int) -> int:
    """PRI of a message: facility and severity."""
    return FACILITY * 8 + (NOTICE if outcome == 0 else WARNING)


def timestamp(at: datetime) -> str:
    """TIMESTAMP in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def framed(message: bytes) -> bytes:
    """A message in a stream: its length in octets goes first (RFC 5425 4.3)."""
    return b"%d %s" % (len(message), message)


def _named(text: str, most: int) -> str:
    return _NOT_A_NAME.sub("", text)[:most] or "-"
