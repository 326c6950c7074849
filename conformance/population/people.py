"""Households of invented persons: what is true of them, before any system wrote it down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from .matricule import matricule
from .names import Draw, Origin, origins
from .places import Home, home, mobile

TODAY = date(2026, 1, 1)
"""The day at which the population is looked at; nobody is born later."""
_LU, _FAR = (
    ("Luxembourg", "Esch-sur-Alzette", "Ettelbruck", "Dudelange"),
    ("Lisboa", "Porto", "Metz", "Trier", "Arlon", "Roma", "Beograd", "Praia"),
)
_CHILDREN = Draw((0, 1, 2, 3, 4), (38, 26, 25, 8, 3))
_COUPLE, _SAME_ORIGIN, _MARRIED_NAME = 0.58, 0.75, 0.35
_TWINS, _TRIPLETS, _NAMESAKE = 0.014, 0.0003, 0.03
_FORMER_HOME, _LEFT_HOME = 0.3, 0.6
_GROWN, _OLDEST_CHILD, _YOUNGEST_MOTHER, _OLDEST_MOTHER = 22, 35, 17, 44


@dataclass(slots=True, kw_only=True, eq=False)
class Person:
    """One invented person.

    `born` is YYYYMMDD; `married` the partner's name where she took it; `order` in a multiple birth, else 0.
    """

    number: int
    origin: Origin
    sex: str
    born: str
    family: str
    given: tuple[str, ...]
    matricule: str
    mobile: str
    homes: tuple[Home, ...]
    mothers_name: str
    birth_place: str
    married: str = ""
    order: int = 0
    mother: Person | None = None
    relatives: list[Person] = field(default_factory=list)

    @property
    def age(self) -> int:
        """Years at TODAY, by the year alone."""
        return TODAY.year - int(self.born[:4])


class Registrar:
    """Founds households; numbers persons and matricules without repeating one."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._persons = 0
        self._serials: dict[str, int] = {}

    def households(self) -> Iterator[list[Person]]:
        """Households without end."""
        while True:
            yield self._household()

    def _household(self) -> list[Person]:
        rng = self._rng
        origin = origins()(rng)
        homes = self._homes(origin, abroad=rng.random() < origin.abroad)
        sex, age = rng.choice("FM"), rng.randint(19, 88)
        head = self._person(origin, sex, self._born(age), homes)
        found = [head]
        if rng.random() < _COUPLE:
            found.append(self._partner(head, age, homes))
        mother = next((each for each in found if each.sex == "F"), None)
        if mother is not None:
            father = next((each for each in found if each.sex == "M"), None)
            found += self._children(mother, father, homes)
        for each in found:
            each.relatives = [other for other in found if other is not each]
        return found

    def _homes(self, origin: Origin, *, abroad: bool) -> tuple[Home, ...]:
        now = home(self._rng, origin.code, abroad=abroad)
        if self._rng.random() < _FORMER_HOME:
            return (now, home(self._rng, origin.code, abroad=abroad))
        return (now,)

    def _partner(self, head: Person, age: int, homes: tuple[Home, ...]) -> Person:
        rng = self._rng
        origin = head.origin if rng.random() < _SAME_ORIGIN else origins()(rng)
        sex = "M" if head.sex == "F" else "F"
        born = self._born(max(18, age + int(rng.gauss(0, 4))))
        partner = self._person(origin, sex, born, homes)
        wife, husband = (head, partner) if head.sex == "F" else (partner, head)
        if rng.random() < _MARRIED_NAME:
            wife.married = _last(husband)
        return partner

    def _children(self, mother: Person, father: Person | None, homes: tuple[Home, ...]) -> list[Person]:
        rng = self._rng
        children: list[Person] = []
        oldest = min(_OLDEST_CHILD, mother.age - _YOUNGEST_MOTHER)
        youngest = max(0, mother.age - _OLDEST_MOTHER)
        if oldest < youngest:
            return children
        family = _childs_name(mother, father)
        for _ in range(_CHILDREN(rng)):
            age, roll = rng.randint(youngest, oldest), rng.random()
            count = 3 if roll < _TRIPLETS else 2 if roll < _TWINS else 1
            born = self._born(age)
            for order in range(count):
                child = self._child(mother, father, family, born, order, homes)
                self._rename(child, children)
                children.append(child)
            if count > 1:
                for order, each in enumerate(children[-count:], start=1):
                    each.order = order
        return children

    def _child(
        self,
        mother: Person,
        father: Person | None,
        family: str,
        born: str,
        order: int,
        homes: tuple[Home, ...],
    ) -> Person:
        rng = self._rng
        origin = (father or mother).origin
        if TODAY.year - int(born[:4]) >= _GROWN and rng.random() < _LEFT_HOME:
            homes = (*self._homes(origin, abroad=homes[0].country != "LU"), homes[0])
        child = self._person(origin, rng.choice("FM"), born, homes)
        child.family, child.mother, child.mothers_name = family, mother, mother.family
        if father is not None and child.sex == "M" and order == 0 and rng.random() < _NAMESAKE:
            child.given = father.given
        return child

    def _rename(self, child: Person, siblings: list[Person]) -> None:
        """Parents do not give two of their children the same name."""
        taken = {each.given[0] for each in siblings}
        while child.given[0] in taken:
            child.given = child.origin.givens(self._rng, child.sex)

    def _person(self, origin: Origin, sex: str, born: str, homes: tuple[Home, ...]) -> Person:
        rng = self._rng
        self._persons += 1
        return Person(
            number=self._persons,
            origin=origin,
            sex=sex,
            born=born,
            family=origin.family(rng),
            given=origin.givens(rng, sex),
            matricule=self._matricule(born),
            mobile=mobile(rng, homes[0].country),
            homes=homes,
            mothers_name=origin.family(rng),
            birth_place=rng.choice(_LU if rng.random() < 0.55 else _FAR),  # noqa: PLR2004 - about half
        )

    def _born(self, age: int) -> str:
        day = TODAY - timedelta(days=1 + int(365.25 * age + self._rng.random() * 365))
        return f"{day.year:04d}{day.month:02d}{day.day:02d}"

    def _matricule(self, born: str) -> str:
        serial = self._serials.get(born)
        if serial is None:
            serial = self._rng.randrange(1000)
        self._serials[born] = serial + 1
        return matricule(born, serial % 1000)


def _last(person: Person) -> str:
    """The part of a family name that a wife takes: the last of a double one."""
    return person.family.split(" ")[-1] if person.origin.double > 0.3 else person.family  # noqa: PLR2004


def _childs_name(mother: Person, father: Person | None) -> str:
    if father is None:
        return mother.family
    if father.origin.code == "es":
        return f"{father.family.split(' ')[0]} {mother.family.split(' ')[0]}"
    if father.origin.double > 0.3:  # noqa: PLR2004 - where a name has two parts, the mother's goes before
        return f"{mother.family.split(' ')[-1]} {father.family.split(' ')[-1]}"
    return father.family
