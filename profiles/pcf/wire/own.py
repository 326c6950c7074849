"""Directives that PCF has no element for: a provision with our modifier extension (FHIR R4 extensibility).

The extension `urn:passerelle:directive` holds extensions of its own: `kind`, and for a mandate `given-by` and
`action`. It modifies: who does not know it must not act on the provision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from gateway.declare.actions import Action
from gateway.errors import Meaning
from gateway.record.consents import Directive, Kind
from gateway.record.domain import Domain
from profiles.pcf import codes
from profiles.pcf.errors import refused
from profiles.pcf.wire.values import read_rank, read_subject, write_rank, write_subject

Json = Mapping[str, Any]

_KIND, _GIVEN_BY, _ACTION = "kind", "given-by", "action"
_GIVERS = ("patient", "parent", "guardian", "law")
_ACTIONS = frozenset(each.value for each in Action if each.entrusted)
_ALWAYS = frozenset({"type", "modifierExtension", "id", "extension"})


@dataclass(frozen=True, slots=True)
class _Form:
    """The provision of a kind: its type, and which elements it has; `optional` ones may be left out."""

    type: str
    elements: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


_PERIOD = frozenset({"period"})
_FORMS: Mapping[Kind, _Form] = MappingProxyType(
    {
        Kind.ALLOWED_ONLY: _Form("deny"),
        Kind.CLOSURE: _Form("deny"),
        Kind.FLOOR: _Form("deny", frozenset({"securityLabel"})),
        Kind.RAISING: _Form("deny", frozenset({"securityLabel", "data"}), _PERIOD),
        Kind.DENIAL: _Form("deny", optional=_PERIOD),
        Kind.EMERGENCY: _Form("permit", frozenset({"securityLabel"})),
        Kind.MANDATE: _Form("permit", frozenset({"actor"}), _PERIOD),
        Kind.RELATION: _Form("permit", frozenset({"actor"}), _PERIOD),
    }
)
_NO_EMERGENCY = _Form("deny")


def kind_of(provision: Json, place: str) -> Kind | None:
    """The kind that our extension gives a provision; None without one."""
    extensions = provision.get("modifierExtension", ())
    if not extensions:
        return None
    at = f"{place}.modifierExtension"
    if len(extensions) != 1 or extensions[0]["url"] != codes.DIRECTIVE:
        raise refused(Meaning.NOT_SUPPORTED, f"only one extension {codes.DIRECTIVE} is known here", at)
    told = _parts(extensions[0], at).get(_KIND, ())
    known = {each.value: each for each in _FORMS}
    if len(told) != 1 or told[0] not in known:
        raise refused(Meaning.TABLE_VALUE, f"expected one kind of {', '.join(known)}", at)
    return known[told[0]]


def _parts(extension: Json, place: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in extension.get("extension", ()):
        if each["url"] not in {_KIND, _GIVEN_BY, _ACTION} or "valueCode" not in each:
            text = f"expected {_KIND}, {_GIVEN_BY} or {_ACTION} with a valueCode"
            raise refused(Meaning.METADATA_INVALID, text, place)
        found.setdefault(each["url"], []).append(each["valueCode"])
    return found


# --- reading -------------------------------------------------------------------------------------


def read_own(
    kind: Kind, provision: Json, documents: frozenset[str], domain: Domain, place: str
) -> list[Directive]:
    """What a provision with our extension says, one directive for each actor; its period comes later."""
    _check_form(kind, provision, place)
    plain = Directive(kind=kind)
    if kind is Kind.DENIAL:
        return [replace(plain, subject="*")]
    if kind is Kind.EMERGENCY and provision["type"] == "deny":
        return [replace(plain, rank=0)]
    if "securityLabel" in _FORMS[kind].elements:
        plain = replace(plain, rank=read_rank(provision, place), documents=documents)
    if kind is Kind.MANDATE:
        plain = _mandate(plain, provision, place)
    actors = provision.get("actor", ())
    if not actors:
        return [plain]
    return [
        replace(plain, subject=read_subject(each["reference"], domain, f"{place}.actor[{at}].reference"))
        for at, each in enumerate(actors)
    ]


def _check_form(kind: Kind, provision: Json, place: str) -> None:
    form = _FORMS[kind]
    if kind is Kind.EMERGENCY and provision.get("type") == "deny":
        form = _NO_EMERGENCY
    if provision.get("type") != form.type:
        text = f"a provision of the kind {kind.value} has the type {form.type}"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.type")
    given = set(provision) - _ALWAYS
    for name in sorted(form.elements - given):
        text = f"a provision of the kind {kind.value} needs {name}"
        raise refused(Meaning.REQUIRED_FIELD, text, f"{place}.{name}")
    for name in sorted(given - form.elements - form.optional):
        text = f"a provision of the kind {kind.value} has no {name}"
        raise refused(Meaning.METADATA_INVALID, text, f"{place}.{name}")


def _mandate(plain: Directive, provision: Json, place: str) -> Directive:
    at = f"{place}.modifierExtension"
    told = _parts(provision["modifierExtension"][0], at)
    givers, actions = told.get(_GIVEN_BY, []), frozenset(told.get(_ACTION, ()))
    if len(givers) != 1 or givers[0] not in _GIVERS:
        raise refused(Meaning.TABLE_VALUE, f"expected one given-by of {', '.join(_GIVERS)}", at)
    if not actions <= _ACTIONS:
        raise refused(Meaning.TABLE_VALUE, f"expected actions of {', '.join(sorted(_ACTIONS))}", at)
    return replace(plain, given_by=givers[0], actions=actions)


# --- writing -------------------------------------------------------------------------------------


def write_own(directive: Directive) -> dict[str, Any]:
    """The provision of a directive that needs our extension, without documents and period."""
    kind = directive.kind
    forbidden = kind is Kind.EMERGENCY and not directive.rank
    form = _NO_EMERGENCY if forbidden else _FORMS[kind]
    told = [(_KIND, kind.value)]
    if directive.given_by:
        told.append((_GIVEN_BY, directive.given_by))
    told += [(_ACTION, each) for each in sorted(directive.actions)]
    written: dict[str, Any] = {
        "modifierExtension": [
            {"url": codes.DIRECTIVE, "extension": [{"url": url, "valueCode": code} for url, code in told]}
        ],
        "type": form.type,
    }
    if "actor" in form.elements:
        written["actor"] = [actor(directive.subject or "")]
    if "securityLabel" in form.elements:
        written["securityLabel"] = write_rank(directive.rank or 1)
    return written


def actor(subject: str) -> dict[str, Any]:
    """Who is given information (IRCP)."""
    role = {"coding": [{"system": codes.PARTICIPATION, "code": codes.RECIPIENT}]}
    return {"role": role, "reference": write_subject(subject)}
