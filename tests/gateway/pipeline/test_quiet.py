"""Which answers leave at the beat: those that show nothing of a record that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.declare.actions import Action
from gateway.declare.bindings import Raw
from gateway.declare.transaction import Answer
from gateway.errors import Meaning, Problem
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.quiet import shows_nothing
from gateway.record.people import SubjectKind

PROFESSIONAL = SubjectKind.PROFESSIONAL
MISSING = Answer(problems=(Problem(Meaning.UNKNOWN_DOCUMENT, "not here"),))
WARNED = Answer(problems=(Problem(Meaning.EXTRA_NOT_SAVED, "passed over", warning=True),))


def exchange(action: Action | None, kind: SubjectKind = PROFESSIONAL, **written: Any) -> Exchange:
    x = Exchange(Raw(), SimpleNamespace(), datetime(2026, 11, 22, tzinfo=UTC), "t")  # type: ignore[arg-type]
    x.written["principal"] = SimpleNamespace(kind=kind)
    if action is not None:
        x.written["transaction"] = SimpleNamespace(action=action)
    x.written |= written
    return x


@pytest.mark.parametrize(
    ("action", "written", "quiet"),
    [
        (Action.DOCUMENT_QUERY, {"verdict": 1, "result": Answer(), "receipt": 1}, False),
        (Action.DOCUMENT_READ, {"verdict": 1, "result": MISSING, "receipt": 1}, True),
        (Action.DOCUMENT_READ, {"verdict": 1, "result": WARNED, "receipt": 1}, False),
        (Action.DOCUMENT_READ, {"verdict": 1}, True),
        (Action.DOCUMENT_READ, {}, False),
        (Action.DOCUMENT_PUBLISH, {"verdict": 1}, False),
        (Action.PATIENT_QUERY, {"verdict": 1}, False),
        (None, {}, False),
    ],
    ids=["shown", "partly", "warned", "refused", "not decided", "written", "of no record", "unknown"],
)
def test_only_what_shows_nothing_of_a_record(
    action: Action | None, written: dict[str, Any], *, quiet: bool
) -> None:
    assert shows_nothing(exchange(action, **written)) is quiet


def test_an_auditor_is_refused_aloud_and_a_patient_is_not() -> None:
    assert shows_nothing(exchange(Action.AUDIT_READ, verdict=1)) is False
    assert shows_nothing(exchange(Action.AUDIT_READ, SubjectKind.PATIENT, verdict=1)) is True
