"""What a subscription may ask for."""

from __future__ import annotations

import pytest

from gateway.errors import GatewayError
from gateway.record.domain import Domain, IdentityDomain
from gateway.record.subscriptions import Criteria
from profiles.pmir.rules import read_criteria

DOMAIN = Domain(
    environment="integration",
    affinity_root="2.999.1.1",
    affinity_namespace="XAD",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://localhost",
    identities={
        "2.999.3": IdentityDomain(namespace="WARD", root="2.999.3", uris=("https://ward.example/ids",))
    },
)
NOBODY = Criteria(person=-1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient", Criteria()),
        ("Patient?_id=1f", Criteria(person=31)),
        ("Patient?_id=not-ours", NOBODY),
        ("Patient?organization=Organization/2.999.3", Criteria(root="2.999.3")),
        ("Patient?organization=urn:oid:2.999.3", Criteria(root="2.999.3")),
        ("Patient?organization=2.999.3", Criteria(root="2.999.3")),
        ("Patient?identifier=urn:oid:2.999.3|A%20B", Criteria(root="2.999.3", value="A B")),
        ("Patient?identifier=https://ward.example/ids|1", Criteria(root="2.999.3", value="1")),
        ("Patient?identifier=urn:oid:2.999.3|", Criteria(root="2.999.3")),
        ("Patient?identifier=|1", Criteria(value="1")),
        ("Patient?identifier=1", Criteria(value="1")),
        ("Patient?identifier=urn:oid:2.999.4|1", NOBODY),
    ],
)
def test_the_four_criteria(text: str, expected: Criteria) -> None:
    assert read_criteria(text, DOMAIN) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Observation",
        "Patient?",
        "Patient?name=X",
        "Patient?_id=",
        "Patient?_id=1,2",
        "Patient?_id=1&_id=2",
        "Patient?organization=Hospital",
        "Patient?identifier",
        "Patient?identifier=%ff",
        "Patient?identifier=" + "1" * 600,
    ],
)
def test_nothing_else_is_taken(text: str) -> None:
    with pytest.raises(GatewayError):
        read_criteria(text, DOMAIN)
