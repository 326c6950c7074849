"""A small evaluator of XACML 2.0 policies, written from the standard, to judge what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from lxml import etree

X = "{urn:oasis:names:tc:xacml:2.0:policy:schema:os}"
H = "{urn:hl7-org:v3}"
PERMIT, DENY, NOTHING, INDETERMINATE = "Permit", "Deny", "NotApplicable", "Indeterminate"
Request = Mapping[str, Sequence[object]]
"""Bags of attribute values: texts, (code, system), (root, extension), dates and times."""

_V1 = "urn:oasis:names:tc:xacml:1.0:function:"
_EQUAL = ("string-equal", "anyURI-equal")
_TIMES: Mapping[str, Callable[[object, object], bool]] = {
    "date-less-than-or-equal": lambda value, now: value <= now,  # type: ignore[operator]
    "date-greater-than-or-equal": lambda value, now: value >= now,  # type: ignore[operator]
    "dateTime-less-than-or-equal": lambda value, now: value <= now,  # type: ignore[operator]
    "dateTime-greater-than-or-equal": lambda value, now: value >= now,  # type: ignore[operator]
    "dateTime-greater-than": lambda value, now: value > now,  # type: ignore[operator]
}


class _Unknown(Exception):
    pass


def decide(root: etree._Element, request: Request) -> str:
    """The decision of a PolicySet on a request, with no policy referred to known."""
    try:
        return _policy(root, request)
    except _Unknown:
        return INDETERMINATE


def _policy(element: etree._Element, request: Request) -> str:
    kind = etree.QName(element).localname
    if kind not in {"PolicySet", "Policy"} or not element.tag.startswith(X):
        raise _Unknown
    if not _applies(element.find(f"{X}Target"), request):
        return NOTHING
    attribute = "PolicyCombiningAlgId" if kind == "PolicySet" else "RuleCombiningAlgId"
    inside = [each for each in element.iterchildren("*") if each.tag not in {f"{X}Target", f"{X}Description"}]
    each = _policy if kind == "PolicySet" else _rule
    return _combined(element.get(attribute, "").rpartition(":")[2], [each(one, request) for one in inside])


def _rule(element: etree._Element, request: Request) -> str:
    if element.tag != f"{X}Rule" or element.find(f"{X}Condition") is not None:
        raise _Unknown
    return element.get("Effect", "") if _applies(element.find(f"{X}Target"), request) else NOTHING


def _combined(algorithm: str, effects: Sequence[str]) -> str:
    order = {
        "deny-overrides": (DENY, PERMIT),
        "ordered-deny-overrides": (DENY, PERMIT),
        "permit-overrides": (PERMIT, DENY),
        "ordered-permit-overrides": (PERMIT, DENY),
    }
    if algorithm == "first-applicable":
        return next((each for each in effects if each != NOTHING), NOTHING)
    if algorithm not in order:
        raise _Unknown
    return next((each for each in order[algorithm] if each in effects), NOTHING)


def _applies(target: etree._Element | None, request: Request) -> bool:
    if target is None:
        return True
    return all(
        any(
            all(_matches(match, request) for match in one.iterchildren("*"))
            for one in section.iterchildren("*")
        )
        for section in target.iterchildren("*")
    )


def _matches(match: etree._Element, request: Request) -> bool:
    value, designator = match.find(f"{X}AttributeValue"), match[-1]
    name, function = designator.get("AttributeId", ""), match.get("MatchId", "")
    if value is None or name not in request:
        raise _Unknown
    return any(_compared(function, value, each) for each in request[name])


def _compared(function: str, value: etree._Element, told: object) -> bool:
    short = function.removeprefix(_V1)
    if short in _EQUAL:
        return (value.text or "").strip() == told
    if short in _TIMES:
        text = (value.text or "").strip()
        wanted = date.fromisoformat(text) if short.startswith("date-") else datetime.fromisoformat(text)
        if type(wanted) is not type(told):
            raise _Unknown
        return _TIMES[short](wanted, told)
    if function == "urn:hl7-org:v3:function:CV-equal":
        code = value.find(f"{H}CodedValue")
        return code is not None and (code.get("code"), code.get("codeSystem")) == told
    if function == "urn:hl7-org:v3:function:II-equal":
        held = value.find(f"{H}InstanceIdentifier")
        return held is not None and isinstance(told, tuple) and _same_instance(held, told)
    raise _Unknown


def _same_instance(held: etree._Element, told: tuple[object, ...]) -> bool:
    return held.get("root") == told[0] and held.get("extension", "") in {"", told[1]}
