"""Traits as they are stored, so that candidates are compared without being normalised again."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from gateway.matching.traits import Traits
from gateway.record.people import PatientId

_NAMES = tuple(each.name for each in fields(Traits))
_NESTED = frozenset({"family_codes", "given_codes", "other_families"})
_WORDS = frozenset({"family", "given", "set_aside"})
_IDENTIFIERS = frozenset({"mothers_identifiers", "identifiers"})
_DEFAULTS = Traits()
_FORM = 1
"""Counted up when the meaning of a field changes; what was packed otherwise is read from the demographics."""


def pack_traits(traits: Traits) -> bytes:
    """JSON of what is known."""
    kept: dict[str, Any] = {"form": _FORM}
    for name in _NAMES:
        value = getattr(traits, name)
        if value == getattr(_DEFAULTS, name):
            continue
        if name in _IDENTIFIERS:
            kept[name] = [(each.extension, each.root) for each in value]
        elif name == "identity":
            kept[name] = (value.extension, value.root)
        else:
            kept[name] = sorted(value) if name == "phones" else value
    return orjson.dumps(kept)


def unpack_traits(data: bytes) -> Traits | None:
    """What `pack_traits` wrote; None for another form."""
    kept: dict[str, Any] = orjson.loads(data)
    if kept.pop("form", None) != _FORM:
        return None
    for name, value in kept.items():
        if name in _WORDS:
            kept[name] = tuple(value)
        elif name in _NESTED:
            kept[name] = tuple(map(tuple, value))
        elif name in _IDENTIFIERS:
            kept[name] = frozenset(PatientId(*each) for each in value)
        elif name == "phones":
            kept[name] = frozenset(value)
        elif name == "identity":
            kept[name] = PatientId(*value)
    return Traits(**kept)
