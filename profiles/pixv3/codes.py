"""Identifiers of HL7 V3 as IHE uses them (ITI TF-2 3.44 to 3.47, Appendix O)."""

from __future__ import annotations

from typing import Final

HL7: Final = "urn:hl7-org:v3"
"""Namespace of every message."""

PIXV3: Final = "urn:ihe:iti:pixv3:2007"
XDSB: Final = "urn:ihe:iti:xds-b:2007"
"""Namespaces of the service contracts (3.44.5, 3.45.5)."""

SCHEMA: Final = "hl7v3"

ADD, REVISE, MERGE = "PRPA_IN201301UV02", "PRPA_IN201302UV02", "PRPA_IN201304UV02"
QUERY, ANSWER = "PRPA_IN201309UV02", "PRPA_IN201310UV02"
ACCEPT: Final = "MCCI_IN000002UV01"

INTERACTIONS: Final = "2.16.840.1.113883.1.6"
"""Root of interactionId and code system of trigger events."""

GENDER: Final = "2.16.840.1.113883.5.1"
TABLE_0001: Final = "2.16.840.1.113883.12.1"
ROLES: Final = "2.16.840.1.113883.5.111"
ACT: Final = "2.16.840.1.113883.5.4"
QUERY_ERRORS: Final = "2.16.840.1.113883.12.357"
"""Code system of the errors of a query: HL7 table 0357."""

FEED_ERRORS: Final = "2.16.840.1.113883.5.1100"
"""Code system of the errors of a feed: AcknowledgementDetailCode."""


def clark(name: str) -> str:
    """An element of HL7 V3 in Clark notation."""
    return f"{{{HL7}}}{name}"


def action(name: str) -> str:
    """wsa:Action of an interaction (3.44.5.1)."""
    return f"{HL7}:{name}"


def trigger(interaction: str) -> str:
    """The trigger event of an interaction: PRPA_TE… for PRPA_IN…."""
    return interaction.replace("_IN", "_TE", 1)
