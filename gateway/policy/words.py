"""Policies for people: the matrix as rows, and what changes between two policies, in words (rule P6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType

from gateway.declare.actions import Action
from gateway.policy.model import Policy, RoleRule

DOES: Mapping[Action, str] = MappingProxyType(
    {
        Action.DOCUMENT_PUBLISH: "publish documents",
        Action.DOCUMENT_REGISTER: "register documents",
        Action.DOCUMENT_UPDATE: "change the metadata of documents",
        Action.DOCUMENT_REMOVE: "remove documents",
        Action.DOCUMENT_QUERY: "find documents",
        Action.DOCUMENT_QUERY_MANY: "find documents across patients",
        Action.DOCUMENT_READ: "read documents",
        Action.RIGHTS_READ: "read what patients decided",
        Action.RIGHTS_CHANGE: "change what patients decided",
        Action.MANDATE_GIVE: "appoint representatives",
        Action.PRESENCE_REDEEM: "show by a code that the patient is present",
        Action.EMERGENCY_REVIEW: "judge emergency accesses",
        Action.PATIENT_FEED: "tell identities of patients",
        Action.PATIENT_QUERY: "search patients",
        Action.PATIENT_LINK: "decide who is whom",
        Action.DIRECTORY_READ: "look professionals up",
        Action.DIRECTORY_WRITE: "change the directory of professionals",
        Action.JOURNAL_READ: "read who used a patient's record",
        Action.AUDIT_RECORD: "send audit records",
        Action.AUDIT_READ: "read audit records",
        Action.PRESENCE_REDEEM: "show by a code that the patient is present",
        Action.EMERGENCY_REVIEW: "judge emergency accesses",
        Action.DIRECTORY_READ: "search the directory of professionals",
        Action.DIRECTORY_WRITE: "change the directory of professionals",
        Action.TOKEN_ISSUE: "get a token",
        Action.METADATA_READ: "read what the server can do",
    }
)
"""What each action lets somebody do."""

_SWITCHES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "blacklist_beats_emergency": (
            "a black list holds in an emergency",
            "an emergency passes a black list",
        ),
        "relation_assumed": ("care relations are assumed", "care relations are required"),
        "purpose_required": ("a purpose of use is required", "a purpose of use is not required"),
    }
)
_ABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "may_emergency": "use emergency access",
        "own_record": "act in the own record",
    }
)
Classes = frozenset[str] | None


def roles_by_name(policy: Policy) -> dict[str, RoleRule]:
    """Each role once; a policy lists it under every code that means it."""
    return {rule.name: rule for rule in policy.roles.values()}


def classes_text(classes: Classes) -> str:
    """Document classes of an action."""
    return "every class" if classes is None else ", ".join(sorted(classes)) or "no class"


def changes_between(before: Policy, after: Policy) -> list[str]:
    """Every difference as a sentence; none where the two decide alike."""
    old, new = roles_by_name(before), roles_by_name(after)
    told = [f"role {name} is gone" for name in old if name not in new]
    for name, rule in new.items():
        if name not in old:
            told.append(f"role {name} is new ({rule.code.code})")
            told += [
                f"{name} may {DOES[action]}: {classes_text(classes)}" for action, classes in rule.may.items()
            ]
        else:
            told += _of_role(old[name], rule)
            told += _codes(name, before, after)
    parts = (_purposes, _ranks, _settings, _measures, _consents)
    return [*told, *(text for part in parts for text in part(before, after))]


def _of_role(old: RoleRule, new: RoleRule) -> Iterator[str]:
    name = new.name
    for action in Action:
        yield from _of_action(name, action, old, new)
    for field, ability in _ABILITIES.items():
        if getattr(old, field) != getattr(new, field):
            yield f"{name} may {'now' if getattr(new, field) else 'no longer'} {ability}"
    if old.rank != new.rank:
        yield f"{name} sees confidentiality up to rank {new.rank} without a further grant, before {old.rank}"
    if old.needs_relation != new.needs_relation:
        yield f"{name} {'now needs a' if new.needs_relation else 'needs no'} relation to the patient"
    if old.purposes != new.purposes:
        yield f"purposes open to {name}: {_listed(new.purposes)}, before {_listed(old.purposes)}"
    if old.kinds != new.kinds:
        kinds = ", ".join(sorted(each.value for each in new.kinds))
        yield f"holders of {name} are now of the kind {kinds}"
    if old.code != new.code and (old.code.code, old.code.scheme) != (new.code.code, new.code.scheme):
        yield f"the code of {name} is {new.code}, before {old.code}"


def _of_action(name: str, action: Action, old: RoleRule, new: RoleRule) -> Iterator[str]:
    if action not in old.may and action in new.may:
        yield f"{name} may now {DOES[action]}: {classes_text(new.may[action])}"
    elif action in old.may and action not in new.may:
        yield f"{name} may no longer {DOES[action]}"
    elif action in old.may and old.may[action] != new.may[action]:
        was, now = old.may[action], new.may[action]
        if was is None or now is None:
            yield f"{name} may {DOES[action]}: {classes_text(now)}, before {classes_text(was)}"
            return
        if gained := now - was:
            yield f"{name} may now {DOES[action]} of class {classes_text(gained)}"
        if lost := was - now:
            yield f"{name} may no longer {DOES[action]} of class {classes_text(lost)}"


def _codes(name: str, before: Policy, after: Policy) -> Iterator[str]:
    old, new = ({key for key, rule in each.roles.items() if rule.name == name} for each in (before, after))
    for scheme, code in sorted(new - old):
        yield f"{code}^^{scheme} now means {name}"
    for scheme, code in sorted(old - new):
        yield f"{code}^^{scheme} no longer means {name}"


def _purposes(before: Policy, after: Policy) -> Iterator[str]:
    for key, purpose in after.purposes.items():
        was = before.purposes.get(key)
        if was != purpose:
            claim = ", which claims an emergency" if purpose.emergency else ""
            yield f"purpose {key[1]}^^{key[0]} now means {purpose.name}{claim}"
    for scheme, code in before.purposes.keys() - after.purposes.keys():
        yield f"purpose {code}^^{scheme} is no longer accepted"


def _ranks(before: Policy, after: Policy) -> Iterator[str]:
    """Documents keep the rank that they were registered with."""
    listed = sorted(before.ranks.keys() | after.ranks.keys())
    found = [
        (
            f"{code}^^{scheme}",
            *(each.ranks.get((scheme, code), each.unknown_rank) for each in (before, after)),
        )
        for scheme, code in listed
    ]
    for name, was, now in (*found, ("that is not listed", before.unknown_rank, after.unknown_rank)):
        if was != now:
            yield f"new documents of the confidentiality {name} have rank {now}, before {was}"


def _settings(before: Policy, after: Policy) -> Iterator[str]:
    for field, (held, not_held) in _SWITCHES.items():
        if getattr(before, field) != getattr(after, field):
            yield held if getattr(after, field) else not_held
    if before.denied_mode != after.denied_mode:
        yield f"what is refused is now {after.denied_mode}"
    for role in sorted(before.relation_days.keys() | after.relation_days.keys()):
        was, now = before.days_of_relation(role), after.days_of_relation(role)
        if was != now:
            yield f"a care relation of {role} lasts {now} days, before {was}"


def _measures(before: Policy, after: Policy) -> Iterator[str]:
    """Rules with figures of their own, by table and key of settings.toml."""
    for table in ("emergency", "presence", "visits"):
        old, new = getattr(before, table), getattr(after, table)
        for each in fields(old):
            was, now = getattr(old, each.name), getattr(new, each.name)
            if was != now:
                yield f"{table}: {each.name} is now {_value(now)}, before {_value(was)}"


def _consents(before: Policy, after: Policy) -> Iterator[str]:
    for name in sorted(before.consents.keys() | after.consents.keys()):
        was, now = before.consents.get(name), after.consents.get(name)
        if was != now:
            change = (
                "is no longer known" if now is None else "is new" if was is None else "means something else"
            )
            yield f"consent policy {name} {change}"


def _value(value: object) -> str:
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(map(str, value))) or "none"
    return str(value)


def _listed(names: frozenset[str] | None) -> str:
    return "all" if names is None else ", ".join(sorted(names)) or "none"
