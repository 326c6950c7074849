import pytest

from gateway.record.domain import Domain
from profiles.xds.iti92_restricted_update_document_set import home_kept

DOMAIN = Domain(
    environment="integration",
    affinity_root="2.999.1.1",
    affinity_namespace="PASSERELLE",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://localhost",
)
OURS, OTHER = "urn:oid:2.999.1.2", "urn:oid:2.999.7"


@pytest.mark.parametrize(
    ("stated", "stored"), [(None, None), (None, OTHER), (OURS, None), (OURS, OURS), (OTHER, OTHER)]
)
def test_an_entry_without_a_home_community_is_of_ours(stated: str | None, stored: str | None) -> None:
    assert home_kept(stated, stored, DOMAIN)


@pytest.mark.parametrize(("stated", "stored"), [(OTHER, None), (OTHER, OURS), (OURS, OTHER)])
def test_another_home_community_is_a_change(stated: str, stored: str | None) -> None:
    assert not home_kept(stated, stored, DOMAIN)
