"""ITI-46 PIXV3 Update Notification (ITI TF-2 3.46): which identifiers belong together now, as HL7 V3."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.bindings.addressing import SOAP
from gateway.crypto.safexml import parse
from gateway.declare.bindings import Soap
from gateway.declare.events import EventAction, notification_event
from gateway.declare.notification import About, Named, Notice, Notification, Reception, Telling
from gateway.errors import Defect
from profiles.pixv3 import codes
from profiles.pixv3.wire.notify import build_update
from profiles.pixv3.wire.wrapper import Device

_CODE = "ITI-46"
_SUCCESS = range(200, 300)
_ID = re.compile(rb'<id root="([0-9a-f-]{36})">')
_ACKNOWLEDGED = f"{{{SOAP}}}Body//{codes.clark('acknowledgement')}/{codes.clark('typeCode')}"
_RECEPTIONS = {
    "AA": Reception.TAKEN,
    "CA": Reception.TAKEN,
    "AE": Reception.REFUSED,
    "CE": Reception.REFUSED,
}


def write(telling: Telling) -> Iterable[Notice]:
    """One message for each set of identifiers that changed, as it is now; a set that is empty is not told."""
    domain, node = telling.domain, telling.node
    for change in telling.changes:
        if change.moved and change.after:
            payload = build_update(
                change.after,
                domain,
                sender=Device(domain.source, domain.home_community),
                receiver=Device(node.organisation, node.organisation),
                at=telling.at,
            )
            yield Notice(payload, About(_message_id(payload), tuple(map(Named, change.after))))


def _message_id(payload: bytes) -> str:
    """The id of the message is its first; SOAP names it by the same."""
    found = _ID.search(payload)
    if found is None:
        raise Defect("an update notification has no message id")
    return found[1].decode()


def judge(status: int, answer: bytes) -> Reception:
    """The typeCode of MCCI_IN000002UV01; a fault says that it was not read, and may be later."""
    if status not in _SUCCESS:
        return Reception.AGAIN
    acknowledged = parse(answer).find(_ACKNOWLEDGED)
    kind = acknowledged.get("code") if acknowledged is not None else None
    return _RECEPTIONS.get(kind or "", Reception.AGAIN)


NOTIFICATION = Notification(
    code=_CODE,
    title="PIXV3 Update Notification",
    section="ITI TF-2: 3.46",
    binding=Soap(
        action=codes.action(codes.REVISE),
        response_action=codes.action(codes.ACCEPT),
        mtom=False,
        request=codes.clark(codes.REVISE),
        response=codes.clark(codes.ACCEPT),
        namespace=codes.PIXV3,
    ),
    audit=notification_event(_CODE, "PIX Update Notification", EventAction.READ),
    write=write,
    judge=judge,
    id_detail="II",
)
