"""What a request of identity vigilance must hold, and refusals of the index in the words of FHIR."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from gateway.declare.bindings import FhirRequest
from gateway.errors import Meaning, Problem, Refused
from profiles.pdqm.rules import key_of, refused

LONGEST_REASON = 500
USUAL_PAGE, LARGEST_PAGE = 20, 100
COUNT, PAGE = "_count", "_page"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_VALUES = ("valueString", "valueCode")

Pairs = Sequence[tuple[str, str]]


def key_in_path(request: FhirRequest, kind: str) -> int:
    """The number in the URL; Refused as not found for what can be none."""
    key = key_of(request.variables["id"])
    if key is None:
        raise not_found(kind)
    return key


def not_found(kind: str) -> Refused:
    """The refusal of a resource that is not there."""
    return refused(Meaning.NOT_FOUND, f"no {kind} is available at this URL", kind)


def placed(error: Refused, kind: str) -> Refused:
    """A refusal of the index: what is not there is not found, what was settled already is a conflict."""
    meanings = {
        Meaning.UNKNOWN_KEY: Meaning.NOT_FOUND,
        Meaning.DUPLICATE_KEY: Meaning.DUPLICATE_IN_REGISTRY,
    }
    return Refused(
        *(
            replace(each, meaning=meanings.get(each.meaning, each.meaning), location=kind)
            for each in error.problems
        )
    )


# --- parameters of operations --------------------------------------------------------------------


def parameters(resource: Mapping[str, Any] | None, *names: str) -> dict[str, str]:
    """The texts of a Parameters resource: each of `names` once, and nothing else."""
    if resource is None or resource.get("resourceType") != "Parameters":
        raise refused(Meaning.DATA_TYPE, "expected a Parameters resource", "Parameters")
    found: dict[str, str] = {}
    for at, each in enumerate(resource.get("parameter", ())):
        place, name = f"Parameters.parameter[{at}]", each["name"]
        if name not in names:
            raise refused(Meaning.NOT_SUPPORTED, f"expected only {', '.join(names)}", f"{place}.name")
        if name in found:
            raise refused(Meaning.PARAMETER_COUNT, f"{name}: expected one", f"{place}.name")
        found[name] = _text(each, name, place)
    if missing := [name for name in names if name not in found]:
        raise Refused(
            *(Problem(Meaning.MISSING_PARAMETER, f"{name} is required", "Parameters") for name in missing)
        )
    return found


def _text(parameter: Mapping[str, Any], name: str, place: str) -> str:
    value = next((parameter[each] for each in _VALUES if each in parameter), None)
    if value is None:
        raise refused(Meaning.DATA_TYPE, f"{name}: expected a text", f"{place}.value")
    return str(value).strip()


def reason_of(told: Mapping[str, str]) -> str:
    """Why somebody says so, for those who look at it later."""
    reason = told["reason"]
    if len(reason) > LONGEST_REASON:
        text = f"reason: more than {LONGEST_REASON} characters"
        raise refused(Meaning.DATA_TYPE, text, "Parameters.parameter")
    return reason


# --- searches ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """`most` entries after the one with the number `after`."""

    most: int
    after: int


def page_of(request: FhirRequest, *known: str) -> Page:
    """Which part of the answer; Refused for parameters unknown here, where the caller is strict about it."""
    others = sorted({name for name, _ in request.parameters} - {*known, COUNT, PAGE})
    if request.strict and others:
        raise Refused(*(Problem(Meaning.NOT_SUPPORTED, "not supported here", name) for name in others))
    for name in others:
        if name.partition(":")[0] in known:
            raise refused(Meaning.NOT_SUPPORTED, "this modifier is not supported", name.partition(":")[0])
    count, after = one(request.parameters, COUNT), one(request.parameters, PAGE)
    if count is not None and not (_NUMBER.fullmatch(count) and int(count)):
        raise refused(Meaning.DATA_TYPE, "expected a number above 0", COUNT)
    key = key_of(after) if after is not None else 0
    if key is None:
        raise refused(Meaning.DATA_TYPE, "expected the link of an earlier answer", PAGE)
    return Page(min(int(count), LARGEST_PAGE) if count is not None else USUAL_PAGE, key)


def one(given: Pairs, name: str) -> str | None:
    """The value of a parameter that may stand once."""
    values = [value for each, value in given if each == name]
    if len(values) > 1:
        raise refused(Meaning.PARAMETER_COUNT, "expected once", name)
    return values[0] if values else None


def written(given: Pairs) -> str:
    """Parameters as the query of a URL."""
    return urlencode(given, quote_via=quote, safe=",/:|")
