"""Rules about looking at one's own record and at those of relatives and neighbours.

What is knowable: the directory (HPD) has a professional's names, numbers and, where it was entered, the
home address (homePostalAddress of inetOrgPerson, RFC 2798); the index of patients has names, numbers and
addresses. The address of a practice is not used: patients live near it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.config.trail import WatchRule
from gateway.matching.normalise import family_tokens, fold, given_tokens, postcode_of, road_of
from gateway.record.demographics import Demographics, PersonName
from gateway.watch.event import Kin, Seen, Subject
from gateway.watch.rule import DAY, EVENTS, Memory, Raised, clock, raised

_OWN = frozenset({Kin.SELF_NUMBER, Kin.SELF_NAME})
_FIRMS = frozenset({"B", "C"})
"""Uses of an address: a firm is nobody's home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the directory says of a professional as a private person.

    `given` is the given name, or the whole name where the directory has no more; `numbers` are values of
    hcIdentifier.
    """

    family: str
    given: str = ""
    numbers: frozenset[str] = frozenset()
    addresses: tuple[str, ...] = ()


def kin_of(home: Home, told: Demographics, numbers: Iterable[str]) -> Kin | None:
    """The closest thing in common; `numbers` are those of the patient in all domains that are known."""
    held = frozenset(numbers) | {each.extension for each in told.identifiers or ()}
    if home.numbers & held:
        return Kin.SELF_NUMBER
    names = told.names or ()
    same = [each for each in names if _same_family(home.family, each)]
    if any(_same_given(home.given, each) for each in same):
        return Kin.SELF_NAME
    if any(_at_home(home, each.postcode, each.lines) for each in told.addresses or () if _private(each.use)):
        return Kin.HOUSEHOLD
    return Kin.FAMILY if same else None


def _same_family(family: str, name: PersonName) -> bool:
    return bool(family) and bool(name.family) and family_tokens(family) == family_tokens(name.family)


def _same_given(given: str, name: PersonName) -> bool:
    ours, theirs = given_tokens(given), given_tokens(" ".join(name.given))
    return bool(theirs) and theirs[0] in ours


def _private(use: str) -> bool:
    return use not in _FIRMS


def _at_home(home: Home, postcode: str, lines: tuple[str, ...]) -> bool:
    """Street, house number and postcode are in one home address; $ separates its parts (RFC 4517)."""
    if not postcode or not lines:
        return False
    road, number = road_of(lines[0])
    return any(
        number
        and (road, number) in {road_of(part) for part in address.split("$")}
        and postcode_of(postcode) in {postcode_of(word) for word in fold(address).split()}
        for address in home.addresses
    )


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """A professional reads the own record as a professional; told once a day."""

    name: WatchRule = "own-record"
    part: str = "own-record"

    def subject(self, seen: Seen) -> Subject | None:
        """A professional."""
        return seen.professional if not _OWN.isdisjoint(seen.kin) else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the day it was told."""
        day = seen.at // DAY
        if memory.get("day") == day:
            return None
        memory["day"] = day
        how = next(each for each in seen.kin if each in _OWN)
        words = f"read at {clock(seen.at)} what may be the own record: {how.value}"
        return raised(self, seen, subject, "medium", words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relatives:
    """Records of the own household, each; of several patients of the own family name, within a day."""

    limit: int
    name: WatchRule = "relatives"
    part: str = "relatives"

    def subject(self, seen: Seen) -> Subject | None:
        """A professional."""
        return seen.professional if seen.kin and _OWN.isdisjoint(seen.kin) else None

    def look(self, memory: Memory, seen: Seen, subject: Subject) -> Raised | None:
        """Remembers the digests of the patients of a day."""
        day = seen.at // DAY
        if memory.get("day") != day:
            memory.clear()
            memory.update(day=day, patients=[], events=[])
        fresh = {str(each) for each in seen.patients}.difference(memory["patients"])
        if not fresh:
            return None
        memory["patients"].extend(fresh)
        memory["events"] = [*memory["events"], seen.name][-EVENTS:]
        why = self._why(memory, seen)
        if why is None:
            return None
        return raised(self, seen, subject, "medium", why, memory["events"])

    def _why(self, memory: Memory, seen: Seen) -> str | None:
        count = len(memory["patients"])
        if Kin.HOUSEHOLD in seen.kin:
            return f"read at {clock(seen.at)} the record of somebody at the own home address of the directory"
        if count % self.limit:
            return None
        last = clock(seen.at)
        return f"read {count} records of patients of the own family name on one day, the last at {last}"
