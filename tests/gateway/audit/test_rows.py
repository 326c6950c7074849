"""The entry a row gives to the tree."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from gateway.audit.rows import StoredRow, leaf_of

ROW = StoredRow(
    id=7,
    at=1_795_341_620_000,
    trace_id="t",
    transaction="ITI-18",
    outcome=0,
    message="<ä/>",
    evidence="{}",
    evidence_signature=b"s",
)


def test_the_entry_can_be_made_with_any_json_library() -> None:
    fields = {
        "id": 7,
        "at": 1_795_341_620_000,
        "message_sha256": sha256("<ä/>".encode()).hexdigest(),
        "evidence_sha256": sha256(b"{}").hexdigest(),
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert leaf_of(ROW) == sha256(text.encode()).digest()


@pytest.mark.parametrize("change", [{"id": 8}, {"at": 1}, {"message": ""}, {"evidence": "[]"}])
def test_what_the_entry_covers(change: dict[str, object]) -> None:
    assert leaf_of(replace(ROW, **change)) != leaf_of(ROW)  # type: ignore[arg-type]
