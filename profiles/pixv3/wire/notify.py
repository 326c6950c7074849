"""PRPA_IN201302UV02 as an update notification: which identifiers belong together (ITI TF-2 3.46.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.errors import Defect
from gateway.record.domain import Domain
from gateway.record.people import PatientId
from profiles.pixv3 import codes
from profiles.pixv3.wire.registration import NO_NAME, identifiers, namespaces, registration
from profiles.pixv3.wire.text import coded
from profiles.pixv3.wire.wrapper import Device, Wrapper, write_message


def build_update(
    told: Sequence[PatientId], domain: Domain, *, sender: Device, receiver: Device, at: datetime
) -> bytes:
    """The Body's element, in exclusive canonical form, that tells a consumer the identifiers of one person.

    `told` are those of the domains that the consumer asked for, at least one (Defect); no name is disclosed.
    wsa:Action is `codes.action(codes.REVISE)`; the consumer answers with MCCI_IN000002UV01.
    """
    if not told:
        raise Defect("an update notification tells at least one identifier")
    act = (
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        f"{coded('code', codes.trigger(codes.REVISE), codes.INTERACTIONS)}"
        f"{registration(identifiers(told, namespaces(domain)), NO_NAME, told[0].root, sender.id)}"
        "</controlActProcess>"
    )
    wrapper = Wrapper(id=None, sender=sender, receiver=receiver)
    return write_message(codes.REVISE, wrapper, at, act, accept="AL")
