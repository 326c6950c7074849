"""The lines that tell what is on a medium."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

from gateway.declare.bindings import Octets
from profiles.xdm.wire.listing import listing
from profiles.xdm.wire.media import lay_out, write_medium

DATA = b"a letter"


def medium(make: Any, **changes: Any) -> io.BytesIO:
    told = {"hash": hashlib.sha1(DATA, usedforsecurity=False).hexdigest(), "size": len(DATA)}
    submission = make.submission(make.entry(**{**told, **changes}), folders=[make.folder(title="Episode 7")])
    buffer = io.BytesIO()
    sets = lay_out([(submission, {item.id: Octets(DATA) for item in submission.documents})])
    write_medium(buffer, sets, "", "", datetime(2026, 3, 4, tzinfo=UTC))
    return buffer


def test_a_whole_medium_is_listed(make: Any) -> None:
    lines, whole = listing(medium(make))
    assert whole
    assert lines[0].startswith("IHE_XDM/SUBSET01  SubmissionSet 2.999.7.")
    assert lines[1].split() == ["DOC00001.XML", "8", "text/xml", "Letter"]
    assert lines[2:] == ["  folder Episode 7"]
    assert "PAT-1" not in "".join(lines)


def test_what_is_wrong_is_told_and_the_medium_is_not_whole(make: Any) -> None:
    lines, whole = listing(medium(make, hash="0" * 40))
    assert not whole
    assert lines[-1].startswith("error: IHE_XDM/SUBSET01: urn:uuid:")
    assert lines[-1].endswith("hash is not that of the document")
