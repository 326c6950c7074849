"""Media through the FHIR door of a gateway (ITI-32): import and export; replies must be signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from gateway.client.fhir import FhirClient, issue_line

ZIP = "application/zip"


@dataclass(frozen=True, kw_only=True)
class MediaClient(FhirClient):
    """Speaks from one partner; FhirRefused where nothing was imported or exported."""

    async def import_medium(self, medium: bytes) -> list[str]:
        """What became of each submission set, and the warnings."""
        answer = await self.post("/$import-media", medium, content_type=ZIP)
        return [issue_line(each) for each in orjson.loads(answer)["issue"]]

    async def export_medium(
        self, patient: str, documents: Sequence[str] = (), institution: str = ""
    ) -> bytes:
        """A medium with documents of a patient (CX): all that may be read, or those named by uniqueId."""
        extension, _, rest = patient.partition("^^^&")
        told = [("patient", f"urn:oid:{rest.removesuffix('&ISO')}|{extension}")]
        told += [("document", each) for each in documents]
        told += [("institution", institution)] if institution else []
        return await self.get(f"/$export-media?{urlencode(told)}", accept=ZIP)
