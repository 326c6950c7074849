"""The desk of identity vigilance as a client: the queue, what people say, history, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from gateway.client.fhir import FhirClient

Resource = dict[str, Any]
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class IdentityClient(FhirClient):
    """Tasks and Provenances as the gateway gives them; FhirRefused for what it does not allow."""

    async def reviews(self, statuses: Sequence[str]) -> list[Resource]:
        """Tasks of some statuses, all pages."""
        asked = [("status", ",".join(statuses))] if statuses else []
        return await self._pages(f"/Task?{urlencode([*asked, ('_count', str(_PAGE))])}")

    async def review(self, task: str) -> Resource:
        """One Task with both sides."""
        return _read(await self.get(f"/Task/{quote(task, safe='')}"))

    async def decide(self, task: str, outcome: str, reason: str) -> Resource:
        """What somebody says of a review; the Task as it stands then."""
        return await self._do(f"/Task/{quote(task, safe='')}/$decide", outcome=outcome, reason=reason)

    async def history(self, asked: str) -> list[Resource]:
        """The operations of a person: by `Patient/<id>`, or by an identifier as `system|value`."""
        name = "target" if asked.startswith("Patient/") else "target:identifier"
        return await self._pages(f"/Provenance?{urlencode([(name, asked), ('_count', str(_PAGE))])}")

    async def undo(self, operation: str, reason: str) -> Resource:
        """Takes an operation back; the operation that did so."""
        return await self._do(f"/Provenance/{quote(operation, safe='')}/$undo", reason=reason)

    async def _do(self, path: str, **told: str) -> Resource:
        parameters = [{"name": name, "valueString": text} for name, text in told.items()]
        content = orjson.dumps({"resourceType": "Parameters", "parameter": parameters})
        return _read(await self.post(path, content))

    async def _pages(self, path: str) -> list[Resource]:
        found: list[Resource] = []
        following: str | None = path
        while following is not None:
            bundle = _read(await self.get(following))
            found += [each["resource"] for each in bundle.get("entry", ())]
            links = {each["relation"]: each["url"] for each in bundle.get("link", ())}
            following = links.get("next")
        return found


def _read(body: bytes) -> Resource:
    found: Resource = orjson.loads(body)
    return found
