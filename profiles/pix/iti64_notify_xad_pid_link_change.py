"""ITI-64 Notify XAD-PID Link Change, HL7 v2.5 (ITI TF-2 3.64): a local identifier belongs to another patient.

A document registry elsewhere learns that documents of a local identifier are those of another patient of the
affinity domain, or that one local identifier ended in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.bindings.hl7v2.unsolicited import (
    control_id,
    event,
    nameless,
    patient_ids,
    reception,
    written,
)
from gateway.declare.bindings import Hl7v2, Segment
from gateway.declare.events import EventAction, notification_event
from gateway.declare.notification import About, Named, Notice, Notification, Telling
from gateway.record.patients import PersonChange
from gateway.record.people import PatientId

_CODE = "ITI-64"
_TITLE = "Notify XAD-PID Link Change"
_MESSAGE = ("ADT", "A43", "ADT_A43")
_CREATED, _DELETED = "1", "14"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """`local` is of the patient `new` now; it, or `subsumed` that ended in it, was of `previous` before."""

    local: PatientId
    new: PatientId
    previous: PatientId
    subsumed: PatientId | None = None

    def named(self) -> Iterator[Named]:
        """The identifiers with their kinds, and what became of them (ITI TF-2 3.64.5)."""
        merged, moved = self.subsumed is not None, self.new != self.previous
        yield Named(self.local, "localPatientId", _CREATED if merged else "")
        if self.subsumed is not None:
            yield Named(self.subsumed, "subsumedPatientId", _DELETED)
        yield Named(self.new, "newPatientId", _CREATED if moved else "")
        yield Named(self.previous, "previousPatientId", _DELETED if moved else "")


def link_changes(changes: tuple[PersonChange, ...], affinity: str) -> Iterator[LinkChange]:
    """What becomes of local identifiers; nothing where a patient has no identifier of the affinity domain."""
    before = {each: _affinity(change.before, affinity) for change in changes for each in change.before}
    for change in changes:
        new = _affinity(change.after, affinity)
        if new is None:
            continue
        for local in change.after:
            previous = before.get(local)
            if local.root != affinity and previous is not None and previous != new:
                yield LinkChange(local=local, new=new, previous=previous)
        for subsumed, local in change.merged:
            previous = before.get(subsumed)
            if local.root != affinity and previous is not None:
                yield LinkChange(local=local, new=new, previous=previous, subsumed=subsumed)


def _affinity(identifiers: tuple[PatientId, ...], root: str) -> PatientId | None:
    return next((each for each in identifiers if each.root == root), None)


def write(telling: Telling) -> Iterable[Notice]:
    """One message for each local identifier."""
    for change in link_changes(telling.changes, telling.domain.affinity_root):
        message_id = control_id(telling.new_id())
        ended = (change.previous,) if change.subsumed is None else (change.previous, change.subsumed)
        segments = (
            *event(telling, _CODE, _MESSAGE, message_id),
            nameless(patient_ids((change.new, change.local), telling.domain)),
            Segment("MRG", (patient_ids(ended, telling.domain),)),
        )
        yield Notice(written(segments), About(message_id, tuple(change.named())))


NOTIFICATION = Notification(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.64",
    binding=Hl7v2(message="ADT", triggers=("A43",), structure="ADT_A43", version="2.5"),
    audit=notification_event(_CODE, _TITLE, EventAction.UPDATE),
    write=write,
    judge=reception,
)
