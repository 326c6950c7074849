"""Objects of any content that XML can carry, and the official schemas when they are at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

ROOT = Path(__file__).parents[4]
OFFICIAL = Path(os.environ.get("PASSERELLE_SHARED", ROOT.parent / "shared")) / "corpus" / "xsd" / "xds"


@pytest.fixture(scope="session")
def official() -> Callable[[str], etree.XMLSchema]:
    """official("query") and alike: a schema as its authors published it."""
    if not OFFICIAL.is_dir():
        pytest.skip(f"no official schemas in {OFFICIAL}; name their place with PASSERELLE_SHARED")
    read: dict[str, etree.XMLSchema] = {}

    def named(name: str) -> etree.XMLSchema:
        if name not in read:
            tree = etree.parse(OFFICIAL / f"{name}.xsd", etree.XMLParser(no_network=True))
            read[name] = etree.XMLSchema(tree)
        return read[name]

    return named
