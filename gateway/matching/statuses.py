"""What the status of an identity (HL7 v2 table 0445, PID-32) lets the index do with it."""

from __future__ import annotations

NEVER = frozenset({"FICT", "ANOM", "CACH", "USUR", "INVA", "DESA"})
"""Nobody: fictitious, anonymous, hidden, usurped, invalidated, deactivated. Neither linked nor reviewed."""
REVIEWED = frozenset({"DOUT", "DPOT", "DOUA", "COLP", "COLV"})
"""Doubtful, possible or confirmed duplicate, possible or confirmed collision: a person decides each link."""
PROVED_ONLY = frozenset({"PROV", "AL"})
"""Entered without proof, or under an alias: linked by a national number that agrees, not by likeness."""
HOMONYM = frozenset({"HOMD", "HOMA"})
"""Another person of these names and this date is known, or presumed: linked with support only."""
MOTHER_ONLY = frozenset({"FILI"})
"""A newborn under the mother's traits: names and number are hers, so only the mother's identifier counts."""
HIDDEN = frozenset({"FICT", "ANOM", "CACH", "USUR", "INVA", "DESA"})
"""Found by demographic search by nobody; by exact identifier where the policy allows."""
FROZEN = frozenset({"COLP", "COLV"})
"""Two persons under one identifier: shown with a flag, joined by nothing automatic."""
OWN = frozenset({"FICT", "ANOM", "CACH"})
"""Of the hidden ones, those that their own source is shown when it asks by the identifier."""
