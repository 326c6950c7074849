"""EMG-4 Emergency Notice: a Communication to the system that reaches the patient. A message of ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import orjson

from gateway.declare.bindings import Fhir
from gateway.declare.events import EventAction, notification_event
from gateway.declare.notification import About, Named, Notice, Notification, Reception, Telling
from gateway.record.people import Code
from profiles.emergency.codes import SCHEME, SECTION
from profiles.emergency.wire.communication import write_communication

_CODE, _TITLE = "EMG-4", "Emergency Notice"
_SUCCESS = range(200, 300)
_REFUSED = frozenset({400, 404, 405, 422})


def write(telling: Telling) -> Iterable[Notice]:
    """One Communication, the same that the patient reads here; nothing where there is no notice."""
    notice = telling.notice
    if notice is not None:
        about = About(telling.new_id(), (Named(notice.patient),))
        yield Notice(orjson.dumps(write_communication(notice, telling.domain)), about)


def judge(status: int, answer: bytes) -> Reception:  # noqa: ARG001 - the shape of a judge
    """The HTTP status."""
    if status in _REFUSED:
        return Reception.REFUSED
    return Reception.TAKEN if status in _SUCCESS else Reception.AGAIN


NOTIFICATION = Notification(
    code=_CODE,
    title=_TITLE,
    section=SECTION,
    binding=Fhir(method="POST", path="/Communication"),
    audit=replace(notification_event(_CODE, _TITLE, EventAction.READ), type=Code(_CODE, SCHEME, _TITLE)),
    write=write,
    judge=judge,
    id_detail="",
    of_persons=False,
)
