"""An XACML 2.0 PolicySet, read strictly: what is not known here is Indeterminate (ITI TF-3 5.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.crypto.safexml import XmlLimits, parse
from gateway.record.people import Code, PatientId
from profiles.appc import codes

_X = f"{{{codes.XACML}}}"
_H = f"{{{codes.HL7}}}"
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_LIMITS = XmlLimits(size=1024 * 1024, depth=32, attributes=16, elements=20_000)
_SECTIONS = ("Subject", "Resource", "Action", "Environment")
_REFERENCES = ("PolicySetIdReference", "PolicyIdReference")

Value = str | Code | PatientId


class Indeterminate(Exception):
    """Something that cannot be decided exactly as it stands there; `place` is the path of elements."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")


@dataclass(frozen=True, slots=True)
class Match:
    """One comparison of an attribute of the request with a value."""

    function: str
    attribute: str
    value: Value


Alternatives = tuple[tuple[Match, ...], ...]
"""One of several conjunctions must hold; none at all is anything."""


@dataclass(frozen=True, slots=True)
class Target:
    """To which requests something applies."""

    subjects: Alternatives = ()
    resources: Alternatives = ()
    actions: Alternatives = ()
    environments: Alternatives = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """Permit or Deny."""

    permits: bool
    target: Target
    place: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A policy that the domain knows by name."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Node:
    """A PolicySet or Policy. `algorithm` is the last part of its combining algorithm."""

    algorithm: str
    target: Target
    children: tuple[Node | Rule | Reference, ...]
    place: str


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The root of an APPC document."""

    id: str
    description: str
    node: Node


def read_policy_set(octets: bytes) -> PolicySet:
    """The PolicySet; Indeterminate at the first thing not known here, Malformed and so on for bad XML."""
    root = parse(octets, _LIMITS)
    if root.tag != f"{_X}PolicySet":
        raise Indeterminate("/", "the root element is not a PolicySet of XACML 2.0")
    described = root.findall(f"{_X}Description")
    if len(described) != 1 or len(described[0]) or not (described[0].text or "").strip():
        raise Indeterminate("PolicySet", "expected exactly one Description, in plain text")
    text = (described[0].text or "").strip()
    return PolicySet(root.get("PolicySetId", ""), text, _policy_set(root, "PolicySet"))


# --- policies ------------------------------------------------------------------------------------


def _policy_set(element: etree._Element, place: str) -> Node:
    _only(element, place, {"PolicySetId", "PolicyCombiningAlgId"}, {"Version"})
    target, rest = _head(element, place, "PolicySetDefaults")
    readers: dict[str, Callable[[etree._Element, str], Node | Rule | Reference]] = {
        "PolicySet": _policy_set,
        "Policy": _policy,
        **dict.fromkeys(_REFERENCES, _reference),
    }
    algorithm = _algorithm(element, "policy", "PolicyCombiningAlgId", place)
    return Node(algorithm, target, _children(rest, readers, place), place)


def _policy(element: etree._Element, place: str) -> Node:
    _only(element, place, {"PolicyId", "RuleCombiningAlgId"}, {"Version"})
    target, rest = _head(element, place, "PolicyDefaults")
    algorithm = _algorithm(element, "rule", "RuleCombiningAlgId", place)
    return Node(algorithm, target, _children(rest, {"Rule": _rule}, place), place)


def _rule(element: etree._Element, place: str) -> Rule:
    _only(element, place, {"RuleId", "Effect"}, set())
    inside = list(_elements(element, place))
    if inside and inside[0].tag == f"{_X}Description":
        inside = inside[1:]
    target = Target()
    if inside and inside[0].tag == f"{_X}Target":
        target, inside = _target(inside[0], f"{place}/Target"), inside[1:]
    if inside:
        raise Indeterminate(f"{place}/{_name(inside[0])}", "is not applied here")
    effect = element.get("Effect")
    if effect not in {"Permit", "Deny"}:
        raise Indeterminate(f"{place}/@Effect", "expected Permit or Deny")
    return Rule(effect == "Permit", target, place)


def _reference(element: etree._Element, place: str) -> Reference:
    _only(element, place, set(), set())
    name = (element.text or "").strip()
    if len(element) or not name:
        raise Indeterminate(place, "expected the identifier of a policy")
    return Reference(name.removeprefix("urn:oid:"), place)


def _head(element: etree._Element, place: str, defaults: str) -> tuple[Target, list[etree._Element]]:
    """What stands before policies and rules, in the order of the schema, and the rest."""
    inside = list(_elements(element, place))
    for name in ("Description", defaults):
        if inside and inside[0].tag == f"{_X}{name}":
            inside = inside[1:]
    if not inside or inside[0].tag != f"{_X}Target":
        raise Indeterminate(place, "expected a Target")
    return _target(inside[0], f"{place}/Target"), inside[1:]


def _children(
    elements: Sequence[etree._Element],
    readers: dict[str, Callable[[etree._Element, str], Node | Rule | Reference]],
    place: str,
) -> tuple[Node | Rule | Reference, ...]:
    if not elements:
        raise Indeterminate(place, "decides nothing")
    found: list[Node | Rule | Reference] = []
    for number, element in enumerate(elements, 1):
        name = _name(element)
        reader = readers.get(name)
        if reader is None:
            raise Indeterminate(f"{place}/{name}", "is not applied here")
        found.append(reader(element, f"{place}/{name}[{number}]"))
    return tuple(found)


def _algorithm(element: etree._Element, kind: str, attribute: str, place: str) -> str:
    told = element.get(attribute, "")
    for prefix in codes.ALGORITHM_PREFIXES:
        name = told.removeprefix(prefix.format(kind))
        if name != told and name in {*codes.DENY_WINS, *codes.PERMIT_WINS, codes.FIRST_WINS}:
            return name
    raise Indeterminate(f"{place}/@{attribute}", "is no combining algorithm that is applied here")


# --- targets -------------------------------------------------------------------------------------


def _target(element: etree._Element, place: str) -> Target:
    _only(element, place, set(), set())
    inside = list(_elements(element, place))
    found: dict[str, Alternatives] = {}
    for section in _SECTIONS:
        if inside and inside[0].tag == f"{_X}{section}s":
            found[section] = tuple(_section(inside[0], section, f"{place}/{section}s"))
            inside = inside[1:]
    if inside:
        raise Indeterminate(f"{place}/{_name(inside[0])}", "is not expected there")
    return Target(*(found.get(section, ()) for section in _SECTIONS))


def _section(element: etree._Element, section: str, place: str) -> Iterator[tuple[Match, ...]]:
    _only(element, place, set(), set())
    inside = list(_elements(element, place))
    if not inside:
        raise Indeterminate(place, "is empty")
    for number, each in enumerate(inside, 1):
        where = f"{place}/{section}[{number}]"
        _expect(each, section, where)
        _only(each, where, set(), set())
        matches = tuple(_match(found, section, f"{where}/{section}Match") for found in _elements(each, where))
        if not matches:
            raise Indeterminate(where, "is empty")
        yield matches


def _match(element: etree._Element, section: str, place: str) -> Match:
    _expect(element, f"{section}Match", place)
    _only(element, place, {"MatchId"}, set())
    function = element.get("MatchId", "")
    kind = codes.FUNCTIONS.get(function)
    if kind is None:
        raise Indeterminate(f"{place}/@MatchId", f"function {function[:120]!r} is not known here")
    inside = list(_elements(element, place))
    if len(inside) != 2:  # noqa: PLR2004 - the value and the attribute
        raise Indeterminate(place, "expected AttributeValue and an attribute designator")
    value, designator = inside
    _expect(value, "AttributeValue", place)
    _expect(designator, f"{section}AttributeDesignator", place)
    return Match(
        function, _attribute(designator, kind, place), _value(value, kind, f"{place}/AttributeValue")
    )


def _attribute(element: etree._Element, kind: str, place: str) -> str:
    where = f"{place}/{_name(element)}"
    _only(element, where, {"AttributeId", "DataType"}, {"MustBePresent", "SubjectCategory"})
    if element.get("DataType") != kind or len(element):
        raise Indeterminate(where, f"expected the data type of the function, {kind}")
    if element.get("SubjectCategory", codes.ACCESS_SUBJECT) != codes.ACCESS_SUBJECT:
        raise Indeterminate(where, "is of another subject than the one that asks")
    name = element.get("AttributeId", "")
    if element.get("MustBePresent", "false") not in {"false", "0"} and name not in codes.ALWAYS_THERE:
        raise Indeterminate(where, "demands an attribute that a request may come without (MustBePresent)")
    return name


def _value(element: etree._Element, kind: str, place: str) -> Value:
    _only(element, place, {"DataType"}, set())
    if element.get("DataType") != kind:
        raise Indeterminate(place, f"expected the data type of the function, {kind}")
    if kind not in {codes.CV, codes.II}:
        text = (element.text or "").strip()
        if len(element) or not text:
            raise Indeterminate(place, "expected a text")
        return text
    inside = [each for each in element if isinstance(each.tag, str)]
    if len(inside) != 1 or len(inside) != len(element) or (element.text or "").strip():
        raise Indeterminate(place, "expected one value of HL7 v3")
    return _coded(inside[0], place) if kind == codes.CV else _instance(inside[0], place)


def _coded(element: etree._Element, place: str) -> Code:
    if element.tag != f"{_H}CodedValue" or not element.get("code") or not element.get("codeSystem"):
        raise Indeterminate(place, "expected a CodedValue with code and codeSystem")
    return Code(element.get("code", ""), element.get("codeSystem", "").removeprefix("urn:oid:"))


def _instance(element: etree._Element, place: str) -> PatientId:
    if element.tag != f"{_H}InstanceIdentifier" or not (element.get("root") and element.get("extension")):
        raise Indeterminate(place, "expected an InstanceIdentifier with root and extension")
    return PatientId(element.get("extension", ""), element.get("root", ""))


# --- XML -----------------------------------------------------------------------------------------


def _elements(element: etree._Element, place: str) -> Iterator[etree._Element]:
    """Child elements of XACML; Indeterminate where anything else but comments and white space stands."""
    if any(text.strip() for text in (element.text or "", *(each.tail or "" for each in element))):
        raise Indeterminate(place, "holds text")
    for each in element.iterchildren("*"):
        if not each.tag.startswith(_X):
            raise Indeterminate(f"{place}/{_name(each)}", "is no element of XACML 2.0")
        yield each


def _expect(element: etree._Element, name: str, place: str) -> None:
    if element.tag != f"{_X}{name}":
        raise Indeterminate(f"{place}/{_name(element)}", f"expected {name}")


def _only(element: etree._Element, place: str, needed: set[str], allowed: set[str]) -> None:
    """The attributes of an element; those of XML Schema instances say nothing."""
    told = {name for name in map(str, element.attrib) if not name.startswith(_INSTANCE)}
    if needed - told or told - needed - allowed:
        listed = ", ".join(sorted(needed | allowed)) or "none"
        raise Indeterminate(place, f"has other attributes than expected ({listed})")


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname
