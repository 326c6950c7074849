"""Which consent said what: from an entry that a decision rests on back to the decisions of the patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.record.access import Behind, PatientRights
from gateway.record.consents import Consent
from gateway.rights.fold import fold
from gateway.rights.folders import widened

_NEW = PatientRights()


def counting_at(consents: Iterable[Consent], at: datetime) -> list[Consent]:
    """Of all versions, the one of each consent that counted at an instant (aware UTC)."""
    past = sorted((each for each in consents if each.at <= at), key=lambda one: one.version)
    return list({each.id: each for each in past}.values())


@dataclass(frozen=True, slots=True)
class Said:
    """The consents that counted, each with what it comes to alone."""

    folded: tuple[tuple[Consent, PatientRights], ...]

    @classmethod
    def of(cls, consents: Iterable[Consent], behind: Behind) -> Said:
        """For the consents that counted at one time; `behind` is what stands behind their lists."""
        return cls(tuple((each, widened(fold([each]), behind)) for each in consents))

    def entry(self, field: str, entry: object) -> str:
        """The consents with an entry on a list of `PatientRights`, as text."""
        return self._named(each for each, rights in self.folded if entry in getattr(rights, field))

    def value(self, field: str) -> str:
        """The consents that give a field another value than that of a new record, as text."""
        default = getattr(_NEW, field)
        return self._named(each for each, rights in self.folded if getattr(rights, field) != default)

    def _named(self, consents: Iterable[Consent]) -> str:
        names = [f"consent {each.id} version {each.version}" for each in consents]
        return ", ".join(names) or "what the patient decided"
