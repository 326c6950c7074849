"""ITI-10 PIX Update Notification, HL7 v2.5 (ITI TF-2 3.10): which identifiers belong together now."""

from __future__ import annotations

from collections.abc import Iterable

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

_CODE = "ITI-10"
_TITLE = "PIX Update Notification"
_MESSAGE = ("ADT", "A31", "ADT_A05")


def write(telling: Telling) -> Iterable[Notice]:
    """One message for each set of identifiers that changed, as it is now; a set that is empty is not told."""
    for change in telling.changes:
        if not (change.moved and change.after):
            continue
        message_id = control_id(telling.new_id())
        segments = (
            *event(telling, _CODE, _MESSAGE, message_id),
            nameless(patient_ids(change.after, telling.domain)),
            Segment("PV1", ("", "N")),
        )
        about = About(message_id, tuple(Named(each) for each in change.after))
        yield Notice(written(segments), about)


NOTIFICATION = Notification(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.10",
    binding=Hl7v2(message="ADT", triggers=("A31",), structure="ADT_A05", version="2.5"),
    audit=notification_event(_CODE, _TITLE, EventAction.READ),
    write=write,
    judge=reception,
)
