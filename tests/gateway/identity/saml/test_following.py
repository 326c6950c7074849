"""Assertions under a policy that changes while they are in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gateway.errors import SignerRefused
from gateway.identity.saml import AssertionPolicy, FollowingReader


def test_a_remembered_assertion_is_read_anew_under_another_policy(
    issued: Callable[..., Any], identity: Callable[..., Any], now: datetime, policy: AssertionPolicy
) -> None:
    current = {"policy": policy}
    reader = FollowingReader(lambda: current["policy"])
    root = issued()

    def read() -> Any:
        return reader.read(
            root,
            now=now,
            tls_certificate=identity().der,
            signing_certificate=None,
            bearer_allowed=False,
        )

    first = read()
    assert read() is first
    current["policy"] = replace(policy, roles=frozenset({("nobody", "2.999")}))
    with pytest.raises(SignerRefused, match="role"):
        read()
    current["policy"] = replace(policy, issuers={})
    with pytest.raises(SignerRefused, match="issuer"):
        read()
    current["policy"] = replace(policy)
    assert read() == first


def test_a_role_that_must_hold_its_key(
    issued: Callable[..., Any], identity: Callable[..., Any], now: datetime, policy: AssertionPolicy
) -> None:
    """SAML-10: also where the node may send bearer assertions."""
    bound = replace(policy, key_bound_roles=frozenset({("221", "2.999.1")}))
    options: dict[str, Any] = {"now": now, "signing_certificate": None, "bearer_allowed": True}
    bearer, held = issued(confirmation=None), issued()
    der = identity().der
    assert FollowingReader(lambda: policy).read(bearer, tls_certificate=der, **options).subject == "dr-1"
    reader = FollowingReader(lambda: bound)
    assert reader.read(held, tls_certificate=der, **options).confirmation == "holder-of-key"
    with pytest.raises(SignerRefused):
        reader.read(bearer, tls_certificate=der, **options)
