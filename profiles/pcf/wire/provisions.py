"""The provisions of a Consent ⇄ directives (PCF 3:6.6; README.md has the mapping as a table).

What cannot be said exactly as a directive is refused as not supported, so that a patient never believes in a
protection that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gateway.errors import Meaning, Refused
from gateway.record.access import LOWEST_RANK
from gateway.record.consents import ALWAYS, Directive, Kind
from gateway.record.domain import Domain
from profiles.pcf import codes
from profiles.pcf.errors import refused
from profiles.pcf.rules.form import provisions
from profiles.pcf.wire.own import actor, kind_of, read_own, write_own
from profiles.pcf.wire.values import (
    common,
    read_document,
    read_period,
    read_rank,
    read_subject,
    write_document,
    write_period,
    write_rank,
)

Json = Mapping[str, Any]

ANYONE = "*"
_PLACE = "Consent.provision"
_LIMITS = ("purpose", "actor", "data", "securityLabel")
"""Elements that narrow a provision to some of all access."""


# --- reading -------------------------------------------------------------------------------------


def read_provisions(consent: Json, domain: Domain) -> tuple[Directive, ...]:
    """The directives of a Consent that the rules accept, each once.

    A document that was named by URL stands as `urn:uuid:` with its entryUUID.
    """
    root = consent["provision"]
    exceptions = list(provisions(root))[1:]
    found = _root(consent, root, exceptions, domain)
    for place, each in exceptions:
        found += _exception(root, each, place, domain)
    period = read_period(root.get("period", {}), _PLACE)
    return tuple(dict.fromkeys(replace(each, period=common(each.period, period)) for each in found))


def _root(consent: Json, root: Json, exceptions: list[tuple[str, Json]], domain: Domain) -> list[Directive]:
    """What holds but for the exceptions."""
    if kind_of(root, _PLACE) is not None:
        return _one(root, _PLACE, domain)
    narrowed = [name for name in _LIMITS if name in root]
    denying = any(each["uri"] in codes.DENYING_POLICIES for each in consent["policy"])
    if root["type"] == "permit":
        if not denying:
            return _permitted(root, narrowed, domain)
        if narrowed != ["actor"]:
            raise _unsupported("under a policy that denies, expected a permit for actors", _PLACE)
        return [Directive(kind=Kind.ALLOWED_ONLY), *_one(root, _PLACE, domain)]
    if not any(_permits(each) for _, each in exceptions):
        return _one(root, _PLACE, domain)
    if narrowed:
        raise _unsupported("a permission inside a denial of some access only", f"{_PLACE}.{narrowed[0]}")
    return [Directive(kind=Kind.ALLOWED_ONLY)]


def _permits(provision: Json) -> bool:
    return bool(provision.get("type") == "permit" and "modifierExtension" not in provision)


def _permitted(root: Json, narrowed: list[str], domain: Domain) -> list[Directive]:
    """A permit for everybody changes nothing: it is what holds where nothing is decided."""
    if "dataPeriod" in root or not set(narrowed) <= {"purpose", "securityLabel"}:
        if "actor" in narrowed:
            return _one(root, _PLACE, domain)
        raise _unsupported("a permit for some documents only", f"{_PLACE}.{[*narrowed, 'dataPeriod'][-1]}")
    _purposes(root, _PLACE)
    if "securityLabel" in narrowed and read_rank(root, _PLACE) != LOWEST_RANK:
        raise _unsupported("a permit of restricted documents for everybody", f"{_PLACE}.securityLabel")
    return []


def _exception(root: Json, provision: Json, place: str, domain: Domain) -> list[Directive]:
    if "type" not in provision:
        raise refused(Meaning.REQUIRED_FIELD, "type is required", f"{place}.type")
    if root["type"] == "deny" and _permits(provision) and "actor" not in provision:
        return _breaking_glass(provision, place)
    return _one(provision, place, domain)


def _breaking_glass(provision: Json, place: str) -> list[Directive]:
    """What a denial of everything leaves: an emergency, as the rights matrix allows it."""
    _check_plain(provision, place)
    asked = {each.get("code") for each in provision.get("purpose", ())}
    if not asked or not asked <= codes.BREAKING_GLASS or set(provision) & {"data", "securityLabel", "period"}:
        raise _unsupported("a permission for nobody in particular, but in an emergency (BTG)", place)
    return []


def _one(provision: Json, place: str, domain: Domain) -> list[Directive]:
    """The directives of one provision, without its exceptions."""
    provision = {name: each for name, each in provision.items() if name != "provision"}
    kind = kind_of(provision, place)
    documents = _documents(provision, place)
    if kind is not None:
        found = read_own(kind, provision, documents, domain, place)
    else:
        _check_plain(provision, place)
        read = _denied if provision["type"] == "deny" else _allowed
        found = read(provision, documents, _subjects(provision, domain, place), place)
    period = read_period(provision.get("period", {}), place)
    return [replace(each, period=period) for each in found]


def _check_plain(provision: Json, place: str) -> None:
    if "dataPeriod" in provision:
        raise _unsupported("documents of some time", f"{place}.dataPeriod")
    if "purpose" in provision:
        others = [name for name in ("actor", "data", "securityLabel") if name in provision]
        if others:
            raise _unsupported(f"purpose together with {others[0]}", f"{place}.purpose")
        _purposes(provision, place)


def _denied(provision: Json, documents: frozenset[str], subjects: list[str], place: str) -> list[Directive]:
    if "securityLabel" in provision:
        raise _unsupported("a denial by label", f"{place}.securityLabel")
    if subjects or documents:
        return [
            Directive(kind=Kind.DENIAL, subject=each, documents=documents) for each in subjects or [ANYONE]
        ]
    purposes: list[str | None] = [*_purposes(provision, place)] or [None]
    return [Directive(kind=Kind.OPPOSITION, purpose=each) for each in purposes]


def _allowed(provision: Json, documents: frozenset[str], subjects: list[str], place: str) -> list[Directive]:
    if "purpose" in provision:
        raise _unsupported("a permission by purpose inside one for all", f"{place}.purpose")
    if "securityLabel" not in provision:
        return [
            Directive(kind=Kind.ALLOWANCE, subject=each, documents=documents) for each in subjects or [ANYONE]
        ]
    if documents or not subjects:
        raise _unsupported("a label without an actor, or with data", f"{place}.securityLabel")
    rank = read_rank(provision, place)
    return [Directive(kind=Kind.LEVEL, subject=each, rank=rank) for each in subjects]


def _subjects(provision: Json, domain: Domain, place: str) -> list[str]:
    return [
        read_subject(each["reference"], domain, f"{place}.actor[{at}].reference")
        for at, each in enumerate(provision.get("actor", ()))
    ]


def _documents(provision: Json, place: str) -> frozenset[str]:
    found = set()
    for at, each in enumerate(provision.get("data", ())):
        here = f"{place}.data[{at}]"
        folder = each["reference"].get("type") == "List" or "List/" in each["reference"].get("reference", "")
        if each["meaning"] != "instance" and not (folder and each["meaning"] == "related"):
            text = "documents and folders are named one by one (instance), or a folder as related"
            raise _unsupported(text, f"{here}.meaning")
        found.add(read_document(each["reference"], f"{here}.reference"))
    return frozenset(found)


def _purposes(provision: Json, place: str) -> list[str]:
    found = []
    for at, each in enumerate(provision.get("purpose", ())):
        if each.get("system") != codes.REASONS or "code" not in each:
            raise _unsupported(f"a purpose that is none of {codes.REASONS}", f"{place}.purpose[{at}]")
        found.append(each["code"])
    return found


def _unsupported(what: str, place: str) -> Refused:
    return refused(Meaning.NOT_SUPPORTED, f"not supported: {what}", place)


# --- writing -------------------------------------------------------------------------------------


def write_provisions(directives: Iterable[Directive]) -> dict[str, Any]:
    """A permit with an exception for each directive."""
    exceptions = [_written(each) for each in directives]
    return {"type": "permit", **({"provision": exceptions} if exceptions else {})}


def _written(directive: Directive) -> dict[str, Any]:
    written = _plainly(directive) or write_own(directive)
    if directive.documents:
        written["data"] = [
            {"meaning": "instance", "reference": write_document(each)} for each in sorted(directive.documents)
        ]
    if directive.period != ALWAYS:
        written["period"] = write_period(directive.period)
    return written


def _plainly(directive: Directive) -> dict[str, Any] | None:
    """In elements of PCF alone, where it has some."""
    actors = [actor(directive.subject)] if directive.subject not in {None, ANYONE} else []
    named: dict[str, Any] = {"actor": actors} if actors else {}
    match directive.kind:
        case Kind.OPPOSITION:
            reason = directive.purpose
            return {
                "type": "deny",
                **({"purpose": [{"system": codes.REASONS, "code": reason}]} if reason else {}),
            }
        case Kind.DENIAL if actors or directive.documents:
            return {"type": "deny", **named}
        case Kind.ALLOWANCE:
            return {"type": "permit", **named}
        case Kind.LEVEL:
            return {"type": "permit", **named, "securityLabel": write_rank(directive.rank or 1)}
        case _:
            return None
