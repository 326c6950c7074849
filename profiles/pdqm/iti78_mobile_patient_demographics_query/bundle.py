"""The searchset Bundle of found persons (PDQm 2:3.78.4.2, FHIR R4 Bundle)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.record.domain import Domain
from gateway.record.patients import Person
from gateway.record.people import PatientId
from profiles.pdqm import codes
from profiles.pdqm.wire.patient import write_patient
from profiles.pdqm.wire.values import Json

_PER_CENT = 100


def searchset(
    total: int, entries: Sequence[Json], *, self_url: str | None = None, next_url: str | None = None
) -> dict[str, Any]:
    """A Bundle; `total` counts all that match, on this page or not."""
    urls = (("self", self_url), ("next", next_url))
    links = [{"relation": relation, "url": url} for relation, url in urls if url]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        **({"link": links} if links else {}),
        **({"entry": list(entries)} if entries else {}),
    }


def entry(
    person: Person, domain: Domain, base: str, roots: Iterable[str], mode: str = "match"
) -> dict[str, Any]:
    """One person with identifiers of the domains `roots`."""
    search: dict[str, Any] = {"mode": mode}
    if person.grade is not None:
        search = {
            "extension": [{"url": codes.MATCH_GRADE, "valueCode": person.grade}],
            "mode": mode,
            "score": score(person),
        }
    return {
        "fullUrl": f"{base}/Patient/{person.logical_id}",
        "resource": write_patient(person, domain, base, told_in(person, roots)),
        "search": search,
    }


def told_in(person: Person, roots: Iterable[str]) -> tuple[PatientId, ...]:
    """Identifiers that sources told without assigning them, of the domains `roots`."""
    wanted = set(roots)
    return tuple(each for each in person.demographics.identifiers or () if each.root in wanted)


def score(person: Person) -> float:
    """How well a person fits: 0 to 1."""
    if person.probability is not None:
        return round(person.probability, 4)
    return round(person.score / _PER_CENT, 4)
