"""What must hold at any instant, whoever was killed: read in one snapshot of the database.

No effect without its audit row and evidence, no answer without effect and audit row, nothing by halves.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from gateway.crypto.envelope import sealed_size

MARGIN = 20_000 << 22
"""Keys grow with time; two processes may differ by what a start takes: looked back twenty seconds."""
_SET = re.compile(r'ParticipantObjectID="(2\.25\.\d+)"')
_PATIENT = re.compile(r'ParticipantObjectID="(C[0-9a-f]{14})\^')
_QUERIES = {
    "audit": 'SELECT id, trace_id, "transaction", outcome, message, evidence FROM audit WHERE id >= {0}',
    "sets": "SELECT key, uuid, unique_id FROM submission_set WHERE key >= {0}",
    "entries": "SELECT key, uuid, unique_id, size FROM entry WHERE key >= {0}",
    "associations": "SELECT key, source, target, relation FROM association WHERE key >= {0}",
    "contents": "SELECT unique_id, blob, size FROM content WHERE stored_at >= {1}",
    "events": "SELECT key, trace_id FROM patient_event WHERE key >= {0}",
    "patients": "SELECT key, extension FROM patient WHERE key >= {0}",
    "claims": "SELECT c.unique_id FROM claim c JOIN content d ON d.unique_id = c.unique_id"
    " WHERE d.stored_at >= {1}",
}
_EPOCH_MS = 1_767_225_600_000
Rows = Sequence[Sequence[Any]]


def snapshot(url: str, since: int) -> dict[str, Rows]:
    """The rows made since a key, all of the same instant."""
    queries = {name: text.format(since, (since >> 22) + _EPOCH_MS) for name, text in _QUERIES.items()}
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        try:
            connection.execute("BEGIN")
            return {name: connection.execute(text).fetchall() for name, text in queries.items()}
        finally:
            connection.close()
    return asyncio.run(_of_postgresql(url, queries))


async def _of_postgresql(url: str, queries: dict[str, str]) -> dict[str, Rows]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {name: await connection.fetch(text) for name, text in queries.items()}
    finally:
        await connection.close()


@dataclass(slots=True)
class Invariants:
    """Goes through what is new since the last time. `faults` must stay empty."""

    url: str
    blobs: Path
    notes: Path
    faults: list[str] = field(default_factory=list)
    passes: int = 0
    _since: int = 0
    _read: int = 0
    _rows: dict[int, str] = field(default_factory=dict)
    _traces: set[str] = field(default_factory=set)
    _requests: dict[str, set[str]] = field(default_factory=dict)
    _told_sets: set[str] = field(default_factory=set)
    _told_patients: set[str] = field(default_factory=set)
    _sets: dict[str, str] = field(default_factory=dict)
    _entries: dict[str, str] = field(default_factory=dict)
    _contents: set[str] = field(default_factory=set)
    _patients: set[str] = field(default_factory=set)
    _pending: list[dict[str, Any]] = field(default_factory=list)

    def look(self, *, all_of_it: bool = False) -> None:
        """One pass. What was answered before the snapshot must be in it."""
        answers = self._new_answers()
        since = 0 if all_of_it else max(0, self._since - MARGIN)
        found = snapshot(self.url, since)
        self._take_audit(found["audit"])
        self._take_sets(found["sets"], found["associations"])
        self._take_entries(found)
        self._take_patients(found["events"], found["patients"])
        for answer in answers:
            self._check_answer(answer)
        self.passes += 1
        keys = [row[0] for name in ("audit", "sets", "events") for row in found[name]]
        self._since = max(keys, default=self._since)

    @property
    def counts(self) -> dict[str, int]:
        """What was seen."""
        return {
            "audit rows": len(self._rows),
            "submission sets": len(self._sets),
            "entries": len(self._entries),
            "patients": len(self._patients),
        }

    def _fault(self, text: str) -> None:
        if text not in self.faults:
            self.faults.append(text)

    def _new_answers(self) -> list[dict[str, Any]]:
        if not self.notes.exists():
            return []
        with self.notes.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data.rpartition(b"\n")[0]
        self._read += len(whole) + bool(whole)
        return [json.loads(line) for line in whole.splitlines() if line]

    def _take_audit(self, rows: Rows) -> None:
        """Rows by trace and by request; each row of a success of ITI-41 names its set."""
        for key, trace, transaction, outcome, message, evidence in rows:
            if key in self._rows:
                continue
            self._rows[key] = trace
            self._traces.add(trace)
            told = json.loads(evidence)
            if told["trace_id"] != trace:
                self._fault(f"the evidence of audit row {key} is of another exchange")
            if outcome == 0:
                self._requests.setdefault(told["request_sha256"], set()).add(told["reply_sha256"] or "")
                if transaction == "ITI-41":
                    self._told_sets.update(_SET.findall(message))
                if transaction == "ITI-8":
                    self._told_patients.update(_PATIENT.findall(message))

    def _take_sets(self, sets: Rows, associations: Rows) -> None:
        for _, uuid, name in sets:
            self._sets[uuid] = name
            if name not in self._told_sets:
                self._fault(f"submission set {name} has no audit row")
        for _, source, _, relation in associations:
            if relation == "HasMember" and source not in self._sets:
                self._fault(f"an association of {source} has no submission set")
        known = set(self._sets.values())
        for name in self._told_sets - known:
            self._fault(f"the audit tells of submission set {name}, which is not there")

    def _take_entries(self, found: dict[str, Rows]) -> None:
        members = {row[2] for row in found["associations"]}
        contents = {row[0]: (row[1], row[2]) for row in found["contents"]}
        claims = {row[0] for row in found["claims"]}
        for _, uuid, name, size in found["entries"]:
            if uuid in self._entries:
                continue
            self._entries[uuid] = name
            if uuid not in members:
                self._fault(f"entry {uuid} is in no submission set")
            if name not in contents or name not in claims:
                self._fault(f"entry {uuid} has no document")
            elif int(size) != contents[name][1]:
                self._fault(f"entry {uuid} says another size than its document has")
        named = set(self._entries.values())
        for name, (blob, size) in contents.items():
            if name in self._contents:
                continue
            self._contents.add(name)
            if name not in named:
                self._fault(f"document {name} has no entry")
            path = self.blobs / blob[:2] / blob
            if not path.exists() or path.stat().st_size != sealed_size(size):
                self._fault(f"the blob of document {name} is not whole")

    def _take_patients(self, events: Rows, patients: Rows) -> None:
        for _, trace in events:
            if trace not in self._traces:
                self._fault(f"a change of a patient has no audit row (trace {trace})")
        self._patients.update(row[1] for row in patients)
        for name in self._patients - self._told_patients:
            self._fault(f"patient {name} has no audit row")
        for name in self._told_patients - self._patients:
            self._fault(f"the audit tells of patient {name}, who is not there")

    def _check_answer(self, answer: dict[str, Any]) -> None:
        """An answer of success has its row, with the digest of the very answer, and its effect."""
        if "request" not in answer:
            return
        replies = self._requests.get(answer["request"])
        if replies is None:
            self._fault(f"a {answer['what']} was answered and has no audit row ({answer['request']})")
        elif answer["reply"] not in replies:
            self._fault(f"the evidence of a {answer['what']} is of another answer ({answer['request']})")
        if answer["what"] == "submit":
            lost = set(answer["documents"]) - self._contents
            if answer["set"] not in self._told_sets or lost:
                self._fault(f"submission {answer['set']} was acknowledged and is not there")
        if answer["what"] == "feed" and answer["patient"] not in self._patients:
            self._fault(f"patient {answer['patient']} was acknowledged and is not there")


def orphans(url: str, blobs: Path) -> int:
    """Files in the blob store that no row refers to."""
    known = {row[1] for row in snapshot(url, 0)["contents"]}
    return sum(path.name not in known for path in blobs.glob("*/*"))
