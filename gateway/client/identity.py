"""The desk of identity vigilance as a client: the queue, what people say, history, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from gateway.client.fhir import FhirClient, Resource, read_resource

_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class IdentityClient(FhirClient):
    """Tasks and Provenances as the gateway gives them; FhirRefused for what it does not allow."""

    async def reviews(self, statuses: Sequence[str]) -> list[Resource]:
        """Tasks of some statuses, all pages."""
        asked = [("status", ",".join(statuses))] if statuses else []
        return await self.pages(f"/Task?{urlencode([*asked, ('_count', str(_PAGE))])}")

    async def review(self, task: str) -> Resource:
        """One Task with both sides."""
        return read_resource(await self.get(f"/Task/{quote(task, safe='')}"))

    async def decide(self, task: str, outcome: str, reason: str) -> Resource:
        """What somebody says of a review; the Task as it stands then."""
        return await self.operate(f"/Task/{quote(task, safe='')}/$decide", outcome=outcome, reason=reason)

    async def history(self, asked: str) -> list[Resource]:
        """The operations of a person: by `Patient/<id>`, or by an identifier as `system|value`."""
        name = "target" if asked.startswith("Patient/") else "target:identifier"
        return await self.pages(f"/Provenance?{urlencode([(name, asked), ('_count', str(_PAGE))])}")

    async def undo(self, operation: str, reason: str) -> Resource:
        """Takes an operation back; the operation that did so."""
        return await self.operate(f"/Provenance/{quote(operation, safe='')}/$undo", reason=reason)
