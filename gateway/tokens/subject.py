"""Whom a token speaks for: the directory says which roles somebody has, the request chooses (IUA, XUA)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from gateway.errors import Meaning, Problem, Refused
from gateway.record.people import Code, Node
from gateway.tokens.asked import Asked, refused_scope
from gateway.tokens.people import Membership, Professional

RuleOf = Callable[[Code], str | None]
"""The rule of the rights matrix that a role code falls under; None for a code it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the policy in force knows: roles by their rule, purposes of use."""

    role: RuleOf
    purpose: Callable[[Code], Code | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person in one role, for one purpose, through one organisation."""

    uid: str
    name: str
    role: Code
    purpose: Code
    membership: Membership
    national_id: str | None


def person_of(who: Professional, asked: Asked, node: Node, known: Vocabulary) -> Person:
    """The person as asked for, within what the directory says; Refused beyond it."""
    if not who.active:
        raise Refused(Problem(Meaning.GRANT_REFUSED, "the directory does not know this person as active"))
    purpose = None if asked.purpose is None else known.purpose(asked.purpose)
    if purpose is None:
        raise refused_scope("a purpose of use that is known here is required", "purpose_of_use")
    return Person(
        uid=who.uid,
        name=who.name,
        role=_role(who.roles, asked.role, known.role),
        purpose=purpose,
        membership=_membership(who.memberships, asked.organisation, node),
        national_id=who.national_id,
    )


def granted(asked: Asked, person: Person, transactions: Iterable[str]) -> Asked:
    """What the answer says was granted."""
    return replace(
        asked,
        transactions=tuple(transactions),
        role=person.role,
        purpose=person.purpose,
        organisation=person.membership.organisation,
    )


def _role(held: tuple[Code, ...], asked: Code | None, rule_of: RuleOf) -> Code:
    """The role asked for, if it is held: by its code, or by another code of the same rule."""
    rules = {rule_of(each) for each in held} - {None}
    if asked is None:
        if len(rules) != 1:
            raise refused_scope("the person has not exactly one role; name one", "subject_role")
        return next(each for each in held if rule_of(each) is not None)
    if rule_of(asked) not in rules:
        raise refused_scope("the person does not have this role", "subject_role")
    return next((each for each in held if _same(each, asked)), asked)


def _same(one: Code, other: Code) -> bool:
    return (one.code, one.scheme) == (other.code, other.scheme)


def _membership(held: tuple[Membership, ...], asked: str | None, node: Node) -> Membership:
    """The organisation asked for; else that of the node, else the only one."""
    by_name = {each.organisation: each for each in held}
    if asked is not None:
        if asked not in by_name:
            raise refused_scope("the person does not belong to this organisation", "subject_organization_id")
        return by_name[asked]
    if node.organisation in by_name:
        return by_name[node.organisation]
    if len(by_name) != 1:
        raise refused_scope(
            "the person does not belong to exactly one organisation; name one", "subject_organization_id"
        )
    return next(iter(by_name.values()))
