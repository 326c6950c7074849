"""Authorities named by namespace, by OID, by both, and by two ways that do not agree."""

from __future__ import annotations

import pytest

from gateway.record.domain import Domain
from profiles.pix.wire.authority import Authority, is_identifier


@pytest.mark.parametrize(
    ("named", "root"),
    [
        (Authority("LOCAL"), "2.999.2.2"),
        (Authority("", "2.999.2.2", "ISO"), "2.999.2.2"),
        (Authority("LOCAL", "2.999.2.2", "ISO"), "2.999.2.2"),
        (Authority("ELSEWHERE", "2.999.2.2", "ISO"), "2.999.2.2"),
        (Authority("LOCAL", "local.example", "DNS"), "2.999.2.2"),
        (Authority("NATIONAL", "2.999.2.2", "ISO"), None),
        (Authority("LOCAL", "2.999.77", "ISO"), None),
        (Authority("ELSEWHERE"), None),
        (Authority("", "2.999.77", "ISO"), None),
        (Authority("", "2.999.2.2", ""), None),
        (Authority("", "2.999.2.2", "DNS"), None),
        (Authority(), None),
    ],
)
def test_the_domain_that_is_meant(domain: Domain, named: Authority, root: str | None) -> None:
    assert named.root(domain) == root


def test_what_can_be_an_identifier() -> None:
    assert is_identifier("A 1-2/3")
    assert not any(map(is_identifier, ("A^1", "A&1", "A~1", "x" * 129)))
