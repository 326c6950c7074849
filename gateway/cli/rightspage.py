"""What a patient decided, for a person to read on a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from types import MappingProxyType

from gateway.declare.actions import Action
from gateway.errors import Refused, SettingsInvalid
from gateway.policy.engine import GIVERS
from gateway.record.access import Period
from gateway.record.consents import Consent, Directive, Kind, Status
from gateway.rights.fold import check

_WIDTH, _HEAD = 80, 13
_RANKS = ("nothing", "normal", "restricted", "very restricted")
_WORDS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.OPPOSITION: "nobody may look {purpose}",
        Kind.DENIAL: "{subject} may not see {documents}",
        Kind.ALLOWANCE: "{subject} may see {documents}",
        Kind.ALLOWED_ONLY: "only those who are allowed see anything",
        Kind.LEVEL: "{subject} may see up to “{rank}”",
        Kind.MANDATE: "{subject} acts for the patient, given by {given_by}: {actions}",
        Kind.RELATION: "{subject} treats the patient",
        Kind.EMERGENCY: "in an emergency up to “{rank}” is seen",
        Kind.FLOOR: "documents of others are at least “{rank}”",
        Kind.RAISING: "at least “{rank}”: {documents}",
        Kind.CLOSURE: "the record is closed",
    }
)
_STATES = {Status.ACTIVE: "in force", Status.ENDED: "ended", Status.ERROR: "entered in error"}


def page(consents: Sequence[Consent], at: datetime, *, history: bool) -> str:
    """All of it: what is in force first, then what has ended; or every version, oldest first."""
    if not consents:
        return "nothing was decided: the record is open, what the rights matrix allows is allowed"
    shown = consents if history else sorted(consents, key=lambda each: each.status is not Status.ACTIVE)
    return "\n\n".join("\n".join(_lines(each, at)) for each in shown)


def _lines(consent: Consent, at: datetime) -> Iterator[str]:
    yield f"consent {consent.id}  version {consent.version}, {_STATES[consent.status]}"
    for directive in consent.directives:
        yield from _row("", f"{said(directive)}{_when(directive.period, at)}")
    author = consent.author
    behalf = f" for {author.on_behalf_of}" if author.on_behalf_of else ""
    yield from _row("by", f"{author.name} ({author.kind}){behalf}, {author.by}")
    yield from _row("at", f"{consent.at:%Y-%m-%d %H:%M:%S} UTC, trace {consent.trace_id}")
    if consent.reason:
        yield from _row("reason", consent.reason)


def _row(head: str, text: str) -> Iterator[str]:
    """A line, and what does not fit below it in the same column."""
    for number, part in enumerate(wrap(text, _WIDTH - _HEAD, break_on_hyphens=False) or [""]):
        yield f"  {head if not number else '':{_HEAD - 2}}{part}"


def said(directive: Directive) -> str:
    """One decision in words."""
    if directive.kind is Kind.EMERGENCY and not directive.rank:
        return "no access in an emergency"
    purpose = directive.purpose
    return _WORDS[directive.kind].format(
        purpose=f"for the purpose {purpose}" if purpose else "at all",
        subject="anybody" if directive.subject == "*" else directive.subject,
        documents=_listed(directive.documents) or "the record",
        rank=_RANKS[directive.rank or 0],
        given_by=directive.given_by,
        actions=_listed(directive.actions) or "all but decisions about access",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _when(period: Period, at: datetime) -> str:
    parts = [f"from {period.start:%Y-%m-%d %H:%M}" if period.start else ""]
    parts.append(f"until {period.end:%Y-%m-%d %H:%M}" if period.end else "")
    told = " ".join(each for each in parts if each)
    if not told:
        return ""
    state = "" if period.holds(at) else ", over" if period.end and period.end <= at else ", not yet"
    return f" ({told} UTC{state})"


def checked(directive: Directive) -> Directive:
    """A decision as it may be kept; SettingsInvalid for what is missing or nobody knows."""
    known = {each.value for each in Action if each.entrusted}
    if directive.actions - known:
        raise SettingsInvalid(f"unknown actions; expected some of {_listed(known)}")
    if directive.given_by is not None and directive.given_by not in GIVERS:
        raise SettingsInvalid(f"a mandate is given by one of {_listed(GIVERS)}")
    try:
        check(directive)
    except Refused as error:
        raise SettingsInvalid(error.detail) from error
    return directive
