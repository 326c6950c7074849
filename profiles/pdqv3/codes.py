"""Identifiers of PDQV3 (ITI TF-2 3.47)."""

from __future__ import annotations

from typing import Final

PDQV3: Final = "urn:ihe:iti:pdqv3:2007"
"""Namespace of the service contract (3.47.5)."""

QUERY, ANSWER = "PRPA_IN201305UV02", "PRPA_IN201306UV02"
CONTINUE, CANCEL = "QUQI_IN000003UV01", "QUQI_IN000003UV01_Cancel"
# The second is what the transmission of the generic interaction has for a trigger; consumers in use send it.
CONTINUE_TRIGGERS: Final = frozenset({"PRPA_TE000003UV01", "QUQI_TE000003UV01"})
MATCH: Final = "IHE_PDQ"
"""Code of queryMatchObservation."""
