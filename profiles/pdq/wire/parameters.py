"""QPD-3: what a parameter asks about, `@PID.5.1.1^Smith` (ITI TF-2 3.21.4.1.2.2; HL7 v2.5 5.5.4, QIP)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.bindings.hl7v2 import Message
from gateway.errors import Meaning, Refused
from profiles.pix.wire.query import refused, sent_repetitions

_NAME = re.compile(r"@([A-Z][A-Z0-9]{2})\.([1-9]\d?)(?:\.([1-9]\d?)(?:\.([1-9]\d?))?)?", re.ASCII)
_LONGEST = 250

Part = tuple[int, int]
"""Component and subcomponent; a name that has no subcomponent means the first. 0, 0 is a whole field."""


_OTHER: Mapping[Part, Part] = MappingProxyType({(0, 0): (1, 1), (1, 1): (0, 0)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One repetition of QPD-3. `number` is the repetition; the value is plain text, never empty."""

    segment: str
    field: int
    part: Part
    value: str
    number: int

    @property
    def place(self) -> str:
        """The location of the parameter in the message."""
        return f"QPD^1^3^{self.number}"

    def unknown(self) -> Refused:
        """A refusal: nothing here is found by this."""
        return refused(Meaning.TABLE_VALUE, "nothing can be asked for by this parameter", f"{self.place}^1")

    def wrong(self, text: str, meaning: Meaning = Meaning.DATA_TYPE) -> Refused:
        """A refusal of the value."""
        return refused(meaning, text, f"{self.place}^2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Parameters that speak of one value of one field: a name, an identifier, an address."""

    parts: Mapping[Part, Parameter]

    @property
    def first(self) -> Parameter:
        """The one that was sent first."""
        return next(iter(self.parts.values()))

    def text(self, *parts: Part) -> str:
        """The value of the first of these parts that was sent; empty without one."""
        return next((self.parts[part].value for part in parts if part in self.parts), "")

    def refuse_others(self, known: Iterable[Part]) -> None:
        """Refused when it asks for a part that is not known: to pass over it would find other persons."""
        others = [each for part, each in self.parts.items() if part not in set(known)]
        if others:
            raise others[0].unknown()


def parameters(message: Message) -> list[Parameter]:
    """All of QPD-3. Refused when there is none (101), or one has not the form of a parameter (101, 102)."""
    found = [_parameter(message, number) for number in sent_repetitions(message, "QPD-3")]
    if not found:
        raise refused(Meaning.REQUIRED_FIELD, "QPD-3 is missing", "QPD^1^3")
    return found


def _parameter(message: Message, number: int) -> Parameter:
    path, place = f"QPD-3[{number}]", f"QPD^1^3^{number}"
    match = _NAME.fullmatch(message.value(f"{path}.1") or "")
    if match is None:
        text = "a parameter does not begin with a name of the form @PID.5.1"
        raise refused(Meaning.DATA_TYPE, text, f"{place}^1")
    value = (message.value(f"{path}.2.1") or "").strip()
    if not value:
        raise refused(Meaning.REQUIRED_FIELD, "a parameter has no value", f"{place}^2")
    if len(value) > _LONGEST:
        raise refused(Meaning.DATA_TYPE, f"a value is longer than {_LONGEST} characters", f"{place}^2")
    part = (int(match[3]), int(match[4] or 1)) if match[3] else (0, 0)
    return Parameter(segment=match[1], field=int(match[2]), part=part, value=value, number=number)


def groups(sent: Iterable[Parameter]) -> Iterator[Group]:
    """Parameters of one field together; one that comes again begins another group."""
    open_groups: dict[tuple[str, int], list[dict[Part, Parameter]]] = {}
    for each in sent:
        listed = open_groups.setdefault((each.segment, each.field), [{}])
        # The whole of a field without components is its first: two names for one thing.
        if {each.part, _OTHER.get(each.part, each.part)} & listed[-1].keys():
            listed.append({})
        listed[-1][each.part] = each
    for listed in open_groups.values():
        for parts in listed:
            yield Group(parts=parts)
