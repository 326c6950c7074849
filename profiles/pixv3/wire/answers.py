"""Answers: the accept acknowledgement, and the wrapper of a query's response (ITI TF-2 3.44.4.1.3, O.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lxml import etree

from gateway import schemas
from gateway.declare.bindings import SoapReply
from gateway.errors import Meaning, Problem, SchemaInvalid
from profiles.pixv3 import codes
from profiles.pixv3.errors import details, kind
from profiles.pixv3.rules import NEVER, under
from profiles.pixv3.wire.text import coded, echo, ii, null, valued
from profiles.pixv3.wire.wrapper import (
    Identifier,
    Wrapper,
    acknowledgement,
    answer_to,
    read_identifier,
    read_wrapper,
    write_message,
)

_UNKNOWN = Wrapper(id=None, sender=None, receiver=None)
QUERY = "controlActProcess/queryByParameter"
NO_TIME = datetime.fromtimestamp(0, UTC)
"""Of a refusal without a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the answer to a query repeats. `text` is queryByParameter as `echo` writes it."""

    wrapper: Wrapper
    query_id: Identifier | None
    text: str


@dataclass(frozen=True, slots=True)
class Quantities:
    """How many persons were found, how many are told now, and how many are left."""

    total: int = 0
    current: int = 0
    remaining: int = 0


def read_asked(message: etree._Element) -> Asked:
    """What is repeated of a query, also of one that breaks its schema."""
    query = message.find(under(QUERY))
    return Asked(
        wrapper=read_wrapper(message),
        query_id=None if query is None else read_identifier(query.find(under("queryId"))),
        text="" if query is None else echo(query),
    )


def query_text(asked: Asked) -> bytes:
    """The query for the audit (ITI TF-2 3.45.5)."""
    return asked.text.replace("<queryByParameter", f'<queryByParameter xmlns="{codes.HL7}"', 1).encode()


def accept(
    problems: Sequence[Problem],
    asked: Wrapper,
    at: datetime,
    level: str = "C",
    system: str = codes.FEED_ERRORS,
) -> SoapReply:
    """MCCI_IN000002UV01: CA, or CE or CR with a detail for each problem."""
    told = acknowledgement(kind(problems, level), asked.id, details(problems), system)
    return SoapReply((write_message(codes.ACCEPT, answer_to(asked), at, told, accept=NEVER),))


def refuse_feed(problems: Sequence[Problem], payload: object, at: datetime) -> SoapReply:
    """The refusal of a feed."""
    element = getattr(payload, "element", None)
    return accept(problems, _UNKNOWN if element is None else read_wrapper(element), at)


def query_answer(
    interaction: str,
    asked: Asked,
    at: datetime,
    subjects: str,
    *,
    code: str,
    quantities: Quantities | None = None,
    problems: Sequence[Problem] = (),
    status: str = "deliveredResponse",
    reason: str = "",
    trigger: str | None = None,
) -> SoapReply:
    """The response to a query. `code` is queryResponseCode: OK, NF, AE or QE; `reason` a written reasonOf."""
    told = acknowledgement(kind(problems, "A"), asked.wrapper.id, details(problems), codes.QUERY_ERRORS)
    act = (
        '<controlActProcess classCode="CACT" moodCode="EVN">'
        f"{coded('code', trigger or codes.trigger(interaction), codes.INTERACTIONS)}{subjects}{reason}"
        f"<queryAck>{_query_id(asked.query_id)}{coded('statusCode', status)}"
        f"{coded('queryResponseCode', code)}{_quantities(quantities)}</queryAck>{asked.text}"
        "</controlActProcess>"
    )
    return SoapReply((write_message(interaction, answer_to(asked.wrapper), at, told, act, accept=NEVER),))


def _query_id(identifier: Identifier | None) -> str:
    if identifier is None:
        return null("queryId", "UNK")
    return ii("queryId", identifier.root, identifier.extension)


def _quantities(told: Quantities | None) -> str:
    if told is None:
        return ""
    return (
        f"{valued('resultTotalQuantity', str(told.total))}"
        f"{valued('resultCurrentQuantity', str(told.current))}"
        f"{valued('resultRemainingQuantity', str(told.remaining))}"
    )


def refuse_query(
    interaction: str,
    problems: Sequence[Problem],
    asked: Asked,
    at: datetime,
    quantities: Quantities | None = None,
    reason: str = "",
) -> SoapReply:
    """The response of a query that was refused: what breaks the specification is QE, all else AE.

    An unknown identifier or domain is an answer of the application, which was delivered.
    """
    meanings = {each.meaning for each in problems if not each.warning}
    broken = Meaning.INVALID_REQUEST in meanings
    return query_answer(
        interaction,
        asked,
        at,
        "",
        code="QE" if broken or Meaning.UNKNOWN_QUERY in meanings else "AE",
        quantities=quantities,
        problems=problems,
        status="deliveredResponse" if meanings == {Meaning.UNKNOWN_KEY} else "aborted",
        reason=reason or (detected_issue(_VALIDATION) if broken else ""),
    )


def detected_issue(content: str) -> str:
    """A reasonOf: why there is no answer, or what would help; `content` is mitigatedBy or triggerFor."""
    return (
        '<reasonOf typeCode="RSON"><detectedIssueEvent classCode="ALRT" moodCode="EVN">'
        f"{coded('code', '_ActAdministrativeDetectedIssueManagementCode', codes.ACT)}{content}"
        "</detectedIssueEvent></reasonOf>"
    )


def mitigated_by(code: str, system: str) -> str:
    """A mitigatedBy: how the responder deals with the issue."""
    return (
        '<mitigatedBy typeCode="MITGT"><detectedIssueManagement classCode="ACT" moodCode="EVN">'
        f"{coded('code', code, system)}</detectedIssueManagement></mitigatedBy>"
    )


_VALIDATION = mitigated_by("VALIDAT", codes.ACT)


def asked_of(payload: object) -> Asked:
    """What a refusal repeats of its request: no query that breaks its schema, since the answer would too."""
    element = getattr(payload, "element", None)
    if element is None:
        return Asked(wrapper=_UNKNOWN, query_id=None, text="")
    asked = read_asked(element)
    try:
        schemas.validate(codes.SCHEMA, element)
    except SchemaInvalid:
        return replace(asked, text="")
    return asked
