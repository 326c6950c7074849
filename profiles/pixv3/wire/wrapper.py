"""The transmission wrapper: who sends what to whom, and what is answered to it (ITI TF-2 Appendix O.1.1)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from profiles.pixv3 import codes
from profiles.pixv3.wire.text import coded, ii, null
from profiles.xds.wire.text import attribute, text

V = f"{{{codes.HL7}}}"
"""Names of HL7 V3 in Clark notation begin with this."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An II of a message, a query or a device."""

    root: str
    extension: str | None = None

    def __str__(self) -> str:
        """As the audit and the keys of continuations name it."""
        return self.root if self.extension is None else f"{self.extension}^^^&{self.root}&ISO"


@dataclass(frozen=True, slots=True)
class Device:
    """A sending or receiving system: OIDs of the device and of the organisation it stands for."""

    id: str
    organisation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """Who sent a message to whom. `priority` D asks for a deferred answer."""

    id: Identifier | None
    sender: Device | None
    receiver: Device | None
    processing: str = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """An acknowledgementDetail."""

    code: str
    text: str
    location: str | None = None
    warning: bool = False


def read_identifier(element: etree._Element | None) -> Identifier | None:
    """An II with a root."""
    root = None if element is None else element.get("root")
    return None if element is None or not root else Identifier(root, element.get("extension"))


def read_wrapper(message: etree._Element) -> Wrapper:
    """What an answer repeats; also of a message that breaks its schema."""
    processing = message.find(f"{V}processingCode")
    return Wrapper(
        id=read_identifier(message.find(f"{V}id")),
        sender=_device(message.find(f"{V}sender/{V}device")),
        receiver=_device(message.find(f"{V}receiver/{V}device")),
        processing=_known(processing.get("code") if processing is not None else None),
    )


def _known(processing: str | None) -> str:
    return processing if processing in {"P", "T", "D"} else "P"


def _device(element: etree._Element | None) -> Device | None:
    found = None if element is None else read_identifier(element.find(f"{V}id"))
    if element is None or found is None:
        return None
    organisation = read_identifier(element.find(f"{V}asAgent/{V}representedOrganization/{V}id"))
    return Device(found.root, organisation.root if organisation else None)


def stamp(at: datetime) -> str:
    """A TS in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def write_message(interaction: str, wrapper: Wrapper, at: datetime, *content: str, accept: str) -> bytes:
    """A whole message; `content` follows the sender. `accept` is AL of a request and NE of an answer."""
    head = (
        f'<{interaction} xmlns="{codes.HL7}" ITSVersion="XML_1.0"><id root="{uuid.uuid4()}"></id>'
        f'<creationTime value="{stamp(at)}"></creationTime>'
        f"{ii('interactionId', codes.INTERACTIONS, interaction)}"
        f'<processingCode code="{wrapper.processing}"></processingCode>'
        f'<processingModeCode code="T"></processingModeCode><acceptAckCode code="{accept}"></acceptAckCode>'
    )
    receiver = _party("receiver", "RCV", wrapper.receiver)
    sender = _party("sender", "SND", wrapper.sender)
    return f"{head}{receiver}{sender}{''.join(content)}</{interaction}>".encode()


def answer_to(asked: Wrapper) -> Wrapper:
    """The wrapper of an answer: sender and receiver change places."""
    return Wrapper(id=None, sender=asked.receiver, receiver=asked.sender, processing=asked.processing)


def _party(tag: str, kind: str, device: Device | None) -> str:
    known = ii("id", device.id) if device else null("id", "UNK")
    agent = ""
    if device and device.organisation:
        agent = (
            '<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
            f"{ii('id', device.organisation)}</representedOrganization></asAgent>"
        )
    return (
        f'<{tag} typeCode="{kind}"><device classCode="DEV" determinerCode="INSTANCE">{known}{agent}'
        f"</device></{tag}>"
    )


def acknowledgement(kind: str, target: Identifier | None, details: Iterable[Detail], system: str) -> str:
    """The acknowledgement of a message: `kind` is AA, AE, AR, CA, CE or CR; `system` is of the codes."""
    named = ii("id", target.root, target.extension) if target else null("id", "UNK")
    listed = "".join([_detail(each, system) for each in details])
    return (
        f"<acknowledgement>{coded('typeCode', kind)}<targetMessage>{named}</targetMessage>{listed}"
        "</acknowledgement>"
    )


def _detail(detail: Detail, system: str) -> str:
    location = f"<location>{text(detail.location)}</location>" if detail.location else ""
    return (
        f'<acknowledgementDetail typeCode="{"W" if detail.warning else "E"}">'
        f'<code code="{attribute(detail.code)}" codeSystem="{system}"></code>'
        f"<text>{text(detail.text)}</text>{location}</acknowledgementDetail>"
    )
