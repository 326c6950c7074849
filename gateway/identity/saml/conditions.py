"""Conditions and authentication statements of an assertion (SAML core sections 2.5 and 2.7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lxml import etree

from gateway.errors import TokenInvalid
from gateway.identity.saml.policy import AssertionPolicy, only_child, plain_text, saml, time_of

_RESTRICTION, _AUDIENCE = saml("AudienceRestriction"), saml("Audience")
_ONE_TIME = saml("OneTimeUse")
_KNOWN = frozenset({_RESTRICTION, _ONE_TIME, saml("ProxyRestriction")})
_STATEMENT = saml("AuthnStatement")
_CLASSES = (saml("AuthnContextClassRef"), saml("AuthnContextDeclRef"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """When an assertion holds: start <= now < end, and before the session of its user ends. Aware UTC."""

    issued: datetime
    start: datetime
    end: datetime
    session_end: datetime | None
    one_time: bool

    def check(self, now: datetime, skew: timedelta) -> None:
        """TokenInvalid unless the assertion holds now, with `skew` granted at both ends."""
        if now < max(self.start, self.issued) - skew:
            raise TokenInvalid("the assertion is not valid yet", location="NotBefore")
        if now >= self.end + skew:
            raise TokenInvalid("the assertion has expired", location="NotOnOrAfter")
        if self.session_end is not None and now >= self.session_end + skew:
            raise TokenInvalid("the session of the user has ended", location="AuthnStatement")


def read_validity(assertion: etree._Element, policy: AssertionPolicy) -> Validity:
    """The validity; TokenInvalid when an audience, a life or an authentication is not allowed at any time."""
    conditions = only_child(assertion, "Conditions")
    start, end = time_of(conditions, "NotBefore"), time_of(conditions, "NotOnOrAfter")
    issued = time_of(assertion, "IssueInstant")
    if start is None or end is None or issued is None:
        raise TokenInvalid("IssueInstant, NotBefore and NotOnOrAfter are required", location="Conditions")
    if not timedelta(0) < end - start <= policy.max_life:
        raise TokenInvalid(f"valid for more than {policy.max_life}, or not at all", location="Conditions")
    parts = list(conditions)
    if not {part.tag for part in parts} <= _KNOWN:
        raise TokenInvalid("a condition is not known here", location="Conditions")
    _check_audience([part for part in parts if part.tag == _RESTRICTION], policy)
    return Validity(
        issued=issued,
        start=start,
        end=end,
        session_end=_session_end(assertion, policy),
        one_time=any(part.tag == _ONE_TIME for part in parts),
    )


def _check_audience(restrictions: list[etree._Element], policy: AssertionPolicy) -> None:
    if not restrictions:
        raise TokenInvalid("no AudienceRestriction", location="AudienceRestriction")
    for restriction in restrictions:
        audiences = {plain_text(item) for item in restriction.iterchildren(_AUDIENCE)}
        if policy.audiences.isdisjoint(audiences):
            raise TokenInvalid("made for another audience", location="AudienceRestriction")


def _session_end(assertion: etree._Element, policy: AssertionPolicy) -> datetime | None:
    """The first end of a session among the AuthnStatements, of which each must be of an allowed class."""
    statements = list(assertion.iterchildren(_STATEMENT))
    if not statements:
        raise TokenInvalid("no AuthnStatement", location="AuthnStatement")
    for statement in statements:
        context = only_child(statement, "AuthnContext")
        classes = [plain_text(item) for item in context.iterchildren(*_CLASSES)]
        if not classes or not _allowed(classes, policy):
            raise TokenInvalid("authentication of a class that is not allowed", location="AuthnContext")
    ends = [time_of(statement, "SessionNotOnOrAfter") for statement in statements]
    return min((end for end in ends if end is not None), default=None)


def _allowed(classes: list[str], policy: AssertionPolicy) -> bool:
    return policy.authn_classes is None or policy.authn_classes.issuperset(classes)
