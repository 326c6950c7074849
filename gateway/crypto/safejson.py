"""One strict JSON parse for every door: no repeated names, no NaN, bounded depth and numbers (RFC 7493)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, NoReturn

from gateway.errors import Malformed

_DEPTH = 64
_LONGEST_NUMBER = 20
"""Digits of an integer; every FHIR integer has at most ten."""


def parse(data: bytes, depth: int = _DEPTH) -> Any:
    """The value of a JSON text in UTF-8; Malformed for anything that two readers could take differently.

    `depth` counts nested objects and arrays, the outermost as 1.
    """
    try:
        text = data.decode("utf-8")
        found = _DECODER.decode(text)
    except RecursionError as error:
        raise Malformed(f"JSON nested deeper than {depth}") from error
    except ValueError as error:
        raise Malformed("not well-formed JSON in UTF-8") from error
    if text.count("{") + text.count("[") > depth:
        _check_depth(found, depth)
    return found


def _check_depth(found: Any, depth: int) -> None:
    level = _nested([found])
    for _ in range(depth):
        level = [inner for each in level for inner in _nested(each)]
        if not level:
            return
    raise Malformed(f"JSON nested deeper than {depth}")


def _nested(value: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    inside: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return [each for each in inside if isinstance(each, dict | list)]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a name stands twice in one JSON object")
    return found


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise Malformed(f"a number of more than {_LONGEST_NUMBER} digits")
    return int(text)


def _float(text: str) -> float:
    found = float(text)
    if not isfinite(found):
        raise Malformed("a number that is too large")
    return found


def _constant(_name: str) -> NoReturn:
    raise Malformed("NaN and Infinity are no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
