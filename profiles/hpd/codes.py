"""Names of DSML 2.0 as HPD uses it (ITI HPD 3.58.4, 3.59.4)."""

from __future__ import annotations

from typing import Final

DSML: Final = "urn:oasis:names:tc:DSML:2:0:core"
HPD: Final = "urn:ihe:iti:hpd:2010"
"""Namespace of the service contract."""

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA: Final = "dsmlv2"

MOST_REQUESTS: Final = 500
"""Requests of one batch."""


def clark(name: str) -> str:
    """An element of DSML in Clark notation."""
    return f"{{{DSML}}}{name}"


REQUEST: Final = clark("batchRequest")
RESPONSE: Final = clark("batchResponse")

MALFORMED: Final = "malformedRequest"
NOT_ATTEMPTED: Final = "notAttempted"
OTHER: Final = "other"
"""Types of errorResponse."""
