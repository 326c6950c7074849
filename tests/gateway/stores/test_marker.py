"""SEED-74: a database belongs to one environment for good, on both kinds of database."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsInvalid
from gateway.stores.marker import mark


def test_the_first_environment_stays(url: str) -> None:
    mark(url, "preprod")
    mark(url, "preprod")
    for other in ("prod", "integration"):
        with pytest.raises(SettingsInvalid, match=f"the database is of preprod, but this is {other}"):
            mark(url, other)
    mark(url, "preprod")
