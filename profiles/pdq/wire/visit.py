"""Visits: which one is wanted, and how it is told in PV1 (HL7 v2.5 3.4.3; ITI TF-2 3.22.4.1, 3.22.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.bindings.hl7v2 import Segment
from gateway.bindings.hl7v2.segments import taken_apart
from gateway.declare.bindings import Hl7Field
from gateway.errors import Meaning
from gateway.matching.normalise import fold
from gateway.record.visits import CANCELLED, Visit
from profiles.pdq.wire.parameters import Group, Part

CLASSES = frozenset("BCEINOPRU")
"""Table 0004."""

NO_VISIT = "N"
"""Not applicable: nothing is known of a visit."""

_UNKNOWN = "U"
_CLASS, _NUMBER = 2, 19
_DOCTORS = frozenset({7, 8, 9, 17})
_COMPONENTS, _SUBCOMPONENTS = 9, 3
_ANY = "*"
_VISIT_INDICATOR = "V"

_TOLD: Mapping[int, Callable[[Visit], Iterable[str]]] = MappingProxyType(
    {
        _CLASS: lambda visit: (visit.facts.patient_class or _UNKNOWN,),
        3: lambda visit: (visit.facts.location or "",),
        7: lambda visit: visit.facts.attending or (),
        8: lambda visit: visit.facts.referring or (),
        9: lambda visit: visit.facts.consulting or (),
        10: lambda visit: (visit.facts.service or "",),
        17: lambda visit: visit.facts.admitting or (),
        _NUMBER: lambda visit: (visit.number,),
    }
)
"""The fields of PV1 that can be asked for, in HL7 form with the recommended delimiters."""


@dataclass(frozen=True, slots=True)
class VisitCriterion:
    """One repetition of a field must have all the parts."""

    field: int
    parts: Mapping[Part, str]

    def fits(self, visit: Visit) -> bool:
        """Whether the visit has them."""
        return any(
            all(self._fits(part, wanted, told) for part, wanted in self.parts.items())
            for told in _TOLD[self.field](visit)
        )

    def _fits(self, part: Part, wanted: str, told: str) -> bool:
        """Names of doctors whatever their case and accents, all else as it is; an asterisk ends a part."""
        found = _part(told, part)
        plain = fold if self.field in _DOCTORS and part[0] > 1 else str
        if wanted.endswith(_ANY):
            return plain(found).startswith(plain(wanted.rstrip(_ANY)))
        return plain(found) == plain(wanted)


def _part(written: str, part: Part) -> str:
    components = taken_apart(written)
    component = components[part[0] - 1] if part[0] <= len(components) else ""
    subcomponents = (component,) if isinstance(component, str) else component
    return subcomponents[part[1] - 1] if part[1] <= len(subcomponents) else ""


def criterion_of(group: Group) -> VisitCriterion:
    """Refused for a field that cannot be asked for (103), and a class that is none (103)."""
    first = group.first
    if first.field not in _TOLD:
        raise first.unknown()
    widest = [each for part, each in group.parts.items() if part[0] > _COMPONENTS or part[1] > _SUBCOMPONENTS]
    if widest:
        raise widest[0].unknown()
    if first.field == _CLASS and first.value not in CLASSES:
        raise first.wrong("not a code of table 0004", Meaning.TABLE_VALUE)
    return VisitCriterion(
        first.field,
        {(part[0] or 1, part[1] or 1): sent.value for part, sent in group.parts.items()},
    )


def wanted_visit(visits: Iterable[Visit], criteria: Iterable[VisitCriterion]) -> Visit | None:
    """The first visit that fits all criteria; one that was cancelled never took place."""
    wanted = tuple(criteria)
    standing = (each for each in visits if each.state != CANCELLED)
    return next((each for each in standing if all(one.fits(each) for one in wanted)), None)


def pv1(visit: Visit | None) -> Segment:
    """What is known of a visit; of none at all, that there is none to tell of."""
    if visit is None:
        return Segment("PV1", ("", NO_VISIT))
    facts = visit.facts
    fields: dict[int, Hl7Field] = {
        2: facts.patient_class or _UNKNOWN,
        3: _one(facts.location),
        7: _all(facts.attending),
        8: _all(facts.referring),
        9: _all(facts.consulting),
        10: _one(facts.service),
        11: _one(facts.temporary_location),
        17: _all(facts.admitting),
        19: _one(visit.number),
        44: facts.admitted_at or "",
        45: facts.discharged_at or "",
        51: _VISIT_INDICATOR,
    }
    return Segment("PV1", tuple(fields.get(at, "") for at in range(1, max(fields) + 1)))


def _one(written: str | None) -> Hl7Field:
    return (taken_apart(written),) if written else ""


def _all(written: Iterable[str] | None) -> Hl7Field:
    return tuple(taken_apart(each) for each in written or ())
