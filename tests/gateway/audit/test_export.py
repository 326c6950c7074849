"""Lines of the export."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway.audit.export import LINE_LIMIT, lines_of, read_line
from gateway.errors import Malformed


def test_lines_come_back_as_they_went(trail: Any) -> None:
    header, trees, rows = trail.export()
    lines = lines_of(header, trees, rows)
    assert [read_line(line) for line in lines] == [header, *trees, *rows]
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


def test_a_lost_row_keeps_its_place(trail: Any) -> None:
    trail.rows.pop(trail.leaves[3][0])
    header, trees, rows = trail.export()
    back = read_line(lines_of(header, trees, rows)[1 + len(trees) + 3])
    assert back == rows[3]
    assert rows[3].row is None


def spoilt(line: bytes, **changes: Any) -> bytes:
    return orjson.dumps(orjson.loads(line) | changes)


def test_what_is_no_line(trail: Any) -> None:
    lines = lines_of(*trail.export())
    header, tree, row = lines[0], lines[1], lines[-1]
    content = orjson.loads(row)["row"]
    bad = [
        b"",
        b"[]",
        b"null",
        b'{"type":"other"}',
        spoilt(header, version=2),
        spoilt(header, certificates=["?"]),
        spoilt(header, origin=5),
        spoilt(tree, size="1"),
        spoilt(tree, size=True),
        spoilt(tree, root="xx"),
        spoilt(row, position=1.5),
        spoilt(row, leaf="0"),
        spoilt(row, row=[]),
        spoilt(row, row=content | {"outcome": None}),
        spoilt(row, row=content | {"evidence_signature": "?"}),
        spoilt(row, row={key: value for key, value in content.items() if key != "decision"}),
        b" " * (LINE_LIMIT + 1),
    ]
    for line in bad:
        with pytest.raises(Malformed):
            read_line(line)
