"""Times as people in Luxembourg read them: their own zone and the form of the language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.journal.words import Words

_ZONE = "Europe/Luxembourg"


@dataclass(frozen=True, slots=True)
class Clock:
    """Writes times in the form of a language. `local` is False where the zone is not known here: then UTC."""

    words: Words
    zone: tzinfo
    local: bool

    def date(self, at: datetime) -> str:
        """The day."""
        there = at.astimezone(self.zone)
        day = self.words.text("form", "first") if there.day == 1 else str(there.day)
        month = self.words.months[there.month - 1]
        return self.words.text("form", "date", day=day, month=month, year=there.year)

    def time(self, at: datetime) -> str:
        """Hour and minute; with the name of the zone in the hour that comes twice, and where it is UTC."""
        there = at.astimezone(self.zone)
        text = self.words.text("form", "time", hour=there.hour, minute=f"{there.minute:02}")
        if not self.local:
            return f"{text} (UTC)"
        return f"{text} ({there:%Z})" if self._twice(there) else text

    def moment(self, at: datetime) -> str:
        """Day and time."""
        return self.words.text("form", "moment", date=self.date(at), time=self.time(at))

    def _twice(self, there: datetime) -> bool:
        return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


def clock_of(words: Words, zone: str = _ZONE) -> Clock:
    """The clock of Luxembourg; UTC, and said so, where the machine does not know the zone."""
    try:
        return Clock(words, ZoneInfo(zone), local=True)
    except ZoneInfoNotFoundError:
        return Clock(words, UTC, local=False)
