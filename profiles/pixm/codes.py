"""Names of PIXm (PIXm 2:3.83, 2:3.104)."""

from __future__ import annotations

QUERY_DEFINITION = "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"
FEED_PROFILE = "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Patient"
SOURCE, TARGET = "sourceIdentifier", "targetSystem"
