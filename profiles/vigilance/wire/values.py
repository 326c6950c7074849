"""What the resources of identity vigilance share: instants, concepts, bundles (FHIR R4 datatypes, Bundle)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from profiles.vigilance.codes import SYSTEM
from profiles.vigilance.rules import COUNT, PAGE, Page, Pairs, written


def instant(millis: int) -> str:
    """Epoch milliseconds as a FHIR instant."""
    at = datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")
    return at.replace("+00:00", "Z")


def concept(code: str, text: str) -> dict[str, Any]:
    """A CodeableConcept of a code of ours."""
    return {"coding": [{"system": SYSTEM, "code": code}], "text": text}


def extension(base: str, name: str, **value: Any) -> dict[str, Any]:
    """An extension of ours, named below the service as its operations are."""
    return {"url": f"{base}/StructureDefinition/{name}", **value}


def searchset(
    base: str, kind: str, resources: Iterable[dict[str, Any]], asked: Pairs, page: Page, after: int | None
) -> dict[str, Any]:
    """A Bundle. `after` is the number of its last entry, where there is more."""
    kept = [pair for pair in asked if pair[0] not in {COUNT, PAGE}]
    counted = (*kept, (COUNT, str(page.most)))
    here = (*counted, (PAGE, f"{page.after:x}")) if page.after else counted
    links = [{"relation": "self", "url": f"{base}/{kind}?{written(here)}"}]
    if after is not None:
        following = written((*counted, (PAGE, f"{after:x}")))
        links.append({"relation": "next", "url": f"{base}/{kind}?{following}"})
    entries = [
        {"fullUrl": f"{base}/{kind}/{each['id']}", "resource": each, "search": {"mode": "match"}}
        for each in resources
    ]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        **({"entry": entries} if entries else {}),
    }
