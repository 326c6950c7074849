"""Reads assertions under the policy in force: issuers, roles and purposes change while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lxml import etree

from gateway.identity.saml.policy import AssertionPolicy
from gateway.identity.saml.reader import AssertionReader
from gateway.record.people import Principal


class FollowingReader:
    """An AssertionReader of the policy that is given now; with it goes what verified ones said."""

    def __init__(self, policy: Callable[[], AssertionPolicy]) -> None:
        self._policy = policy
        self._known = policy()
        self._reader = AssertionReader(self._known)

    def read(
        self,
        assertion: etree._Element,
        *,
        now: datetime,
        tls_certificate: bytes | None,
        signing_certificate: bytes | None,
        bearer_allowed: bool,
    ) -> Principal:
        """As AssertionReader.read."""
        policy = self._policy()
        if policy is not self._known:
            self._reader, self._known = AssertionReader(policy), policy
        return self._reader.read(
            assertion,
            now=now,
            tls_certificate=tls_certificate,
            signing_certificate=signing_certificate,
            bearer_allowed=bearer_allowed,
        )
