"""Names of PIXm (PIXm 2:3.83, 2:3.104)."""

from __future__ import annotations

QUERY_DEFINITION = "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"
# What an answer claims to be. Without it, one that tells nothing would be an empty element: no FHIR in XML.
ANSWER_PROFILE = "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Query.Parameters.Out"
FEED_PROFILE = "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Patient"
SOURCE, TARGET = "sourceIdentifier", "targetSystem"
