"""The review of emergency accesses as a client: the queue, one entry, what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from gateway.client.fhir import FhirClient, Resource, read_resource

_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class EmergencyClient(FhirClient):
    """Tasks as the gateway gives them; FhirRefused for what it does not allow."""

    async def emergencies(self, statuses: Sequence[str]) -> list[Resource]:
        """Tasks of some statuses, all pages."""
        asked = [("status", ",".join(statuses))] if statuses else []
        return await self.pages(f"/Task/$emergencies?{urlencode([*asked, ('_count', str(_PAGE))])}")

    async def emergency(self, task: str) -> Resource:
        """One Task with patient, reason and requests."""
        return read_resource(await self.get(f"/Task/{quote(task, safe='')}/$emergency"))

    async def judge(self, task: str, outcome: str, reason: str) -> Resource:
        """What somebody says of an emergency; the Task as it stands then."""
        path = f"/Task/{quote(task, safe='')}/$judge-emergency"
        return await self.operate(path, outcome=outcome, reason=reason)
