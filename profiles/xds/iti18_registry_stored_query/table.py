"""What a row of the table of stored queries is made of (ITI TF-2 3.18.4.1.2.3).

A step is a search of one kind of object. Its filters are the query's parameters of that kind; `join`
says how it hangs on what earlier steps found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

from gateway.stores.search import Ask, Kind


@unique
class Form(Enum):
    """How the value of a parameter is written (ITI TF-2 3.18.4.1.2.3.3 to 3.18.4.1.2.3.5)."""

    TEXT = "text"
    UUID = "uuid"
    CODE = "code"
    STATUS = "status"
    TIME = "time"
    TYPE = "type"
    RELATION = "relation"
    AVAILABILITY = "availability"
    LEVEL = "level"


@unique
class Join(Enum):
    """How a step hangs on the ones before it; objects named by an anchor count as found.

    MEMBERSHIPS to TOUCHING search associations; MEMBERS to ENDS search other objects through the
    associations held; LED and INNER search nothing, but keep some of the associations held.
    """

    NONE = "selected by its own parameters"
    MEMBERSHIPS = "HasMember associations whose source was found"
    HOLDINGS = "HasMember associations whose target was found"
    TOUCHING = "associations with a found object at either end"
    MEMBERS = "targets of the associations held"
    SOURCES = "sources of the associations held"
    ENDS = "objects at either end of the associations held"
    LED = "associations held whose source was found, not merely named"
    INNER = "associations held whose both ends were found, not merely named"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: where it filters. `several` takes a list (OR), `repeats` more than one slot (AND).

    `excluded`: what has one of the values is left out.
    """

    form: Form
    kind: Kind
    field: str = ""
    ask: Ask = Ask.IN
    several: bool = False
    repeats: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One search: the kind of object, its filters by parameter name, its join.

    The objects of a step that is not `shown` only lead to others.
    """

    kind: Kind
    filters: tuple[str, ...] = ()
    join: Join = Join.NONE
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One stored query. `required`: all must be given; `one_of`: exactly one; `any_of`: at least one.

    `apart` are pairs that exclude each other. `single` names those that take one value here, though other
    queries take several; `listed` the reverse; `anchors` those whose values are entryUUIDs from which the
    first step starts.
    """

    id: str
    name: str
    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    optional: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    single_patient: bool = False
    known: frozenset[str] = field(init=False)
    """Every parameter the query takes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", frozenset(self.required + self.one_of + self.optional))
