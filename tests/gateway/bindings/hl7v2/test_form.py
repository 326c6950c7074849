"""The wire form: matching, identity of messages, faults; V2-05 to V2-09 as far as the header decides."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from gateway import errors
from gateway.bindings.hl7v2 import CLOSE, Hl7Form, Message, read_message
from gateway.config import Limits
from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2, Raw
from gateway.declare.catalogue import Catalogue, build
from gateway.declare.events import EventAction, patient_event
from gateway.declare.transaction import Actors, Answer, Codec, Profile, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.people import Node

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
NODE = Node(
    name="hospital",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.2.1",
    organisation_name="Hospital",
    transactions=frozenset({"ITI-8"}),
)
FORM = Hl7Form(environment="integration", limits=Limits())


async def _handle(_call: Any, _services: Any) -> Answer:
    return Answer()


ADMITTED: Transaction[Any, Any] = Transaction(
    code="ITI-8",
    title="Patient Identity Feed",
    section="3.8",
    actors=Actors("Source", "Registry"),
    binding=Hl7v2(message="ADT", triggers=("A01",), structure="ADT_A01", version="2.3.1"),
    action=Action.PATIENT_FEED,
    audit=patient_event("ITI-8", "Patient Identity Feed", EventAction.CREATE),
    codec=Codec(decode=lambda payload, _domain: payload, encode=lambda *_: Hl7Reply(), refuse=Hl7Reply),
    target=lambda _request: Target(),
    handle=_handle,
)
CATALOGUE: Catalogue = build([Profile(code="PIX", title="PIX", transactions=(ADMITTED,))])


def raw(kind: str = "ADT^A01", control: str = "ID-1", mode: str = "P", version: str = "2.3.1") -> Raw:
    head = f"MSH|^~\\&|APP|FAC|REG|DOM|20260101||{kind}|{control}|{mode}|{version}"
    return Raw(body=f"{head}\rEVN|A01|20260101\r".encode())


def matched(message: Raw, form: Hl7Form = FORM) -> Any:
    return form.match(form.open(message), CATALOGUE)


def refusal(message: Raw, form: Hl7Form = FORM) -> tuple[Message, Problem]:
    with pytest.raises(Refused) as refused:
        matched(message, form)
    sealed = form.fault(refused.value, message, form.open(message), NOW, TRACE)
    return read_message(b"".join(sealed.pieces), Limits()), refused.value.problems[0]


@pytest.mark.parametrize("kind", ["ADT^A01", "ADT^A01^ADT_A01"])
@pytest.mark.parametrize("mode", ["P", "T", "D", "P^T"])
def test_match(kind: str, mode: str) -> None:
    assert matched(raw(kind, mode=mode)) is ADMITTED


@pytest.mark.parametrize(
    ("message", "code", "place"),
    [
        (raw("ADT^Z99"), "201", "MSH^1^9^1^2"),
        (raw("ADT"), "201", "MSH^1^9^1^2"),
        (raw("MDM^T01"), "200", "MSH^1^9^1^1"),
        (raw(""), "200", "MSH^1^9^1^1"),
        (raw("ADT^A01^ORU_R01"), "200", "MSH^1^9^1^3"),
        (raw(version="9.9"), "203", "MSH^1^12"),
        (raw(version="2.5"), "203", "MSH^1^12"),
        (raw(version=""), "203", "MSH^1^12"),
        (raw(mode="X"), "202", "MSH^1^11"),
    ],
)
def test_v2_07_what_the_header_must_not_say(message: Raw, code: str, place: str) -> None:
    answer, problem = refusal(message)
    assert answer.field("MSA-1") == "AR"
    assert answer.field("MSA-2") == "ID-1"
    assert code in {answer.value("ERR-3.1"), answer.value("ERR-1.4.1")}
    assert problem.location == place


@pytest.mark.parametrize("mode", ["T", "D", "T^T"])
def test_v2_07_production_takes_production_messages_only(mode: str) -> None:
    prod = Hl7Form(environment="prod", limits=Limits())
    assert refusal(raw(mode=mode), prod)[1].meaning is Meaning.UNSUPPORTED_PROCESSING
    assert matched(raw(), prod) is ADMITTED


def test_a_message_is_known_within_its_sender() -> None:
    message = raw()
    proven = FORM.prove(FORM.open(message), NODE, NOW)
    assert proven.message_id == "APP|FAC|ID-1"
    assert proven.digest == sha256(message.body).digest()
    assert proven.payload.value("EVN-1") == "A01"


def test_long_names_of_senders_still_fit() -> None:
    body = raw(control="C" * 199).body.replace(b"APP", b"A" * 180)
    message_id = FORM.prove(FORM.open(Raw(body=body)), NODE, NOW).message_id
    assert message_id is not None
    assert len(message_id) <= 256


@pytest.mark.parametrize(
    ("control", "meaning"),
    [("", Meaning.REQUIRED_FIELD), ('""', Meaning.REQUIRED_FIELD), ("C" * 200, Meaning.DATA_TYPE)],
)
def test_v2_09_message_control_id(control: str, meaning: Meaning) -> None:
    with pytest.raises(Refused) as refused:
        FORM.prove(FORM.open(raw(control=control)), NODE, NOW)
    problem = refused.value.problems[0]
    assert (problem.meaning, problem.location) == (meaning, "MSH^1^10")


def test_seal_accepts_and_refuses() -> None:
    envelope = FORM.open(raw())
    accepted = FORM.seal(Hl7Reply(), ADMITTED, envelope, NOW, TRACE)
    assert b"MSA|AA|ID-1\r" in b"".join(accepted.pieces)
    reply = Hl7Reply((Problem(Meaning.BUSY, "locked"),))
    assert b"MSA|AR|ID-1|" in b"".join(FORM.seal(reply, ADMITTED, envelope, NOW, TRACE).pieces)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.TooComplex("wide"), ("AE", "102")),
        (errors.Busy("full"), ("AR", "206")),
        (errors.NodeNotPermitted("secret"), ("AR", "207")),
        (errors.SignatureBroken("secret"), ("AE", "205")),
        (errors.Defect("secret"), ("AE", "207")),
        (errors.SecurityHeaderInvalid("secret"), ("AE", "207")),
        (RuntimeError("secret"), ("AE", "207")),
    ],
)
def test_faults(error: Exception, expected: tuple[str, str]) -> None:
    message = raw()
    sealed = FORM.fault(error, message, FORM.open(message), NOW, TRACE)
    body = b"".join(sealed.pieces)
    answer = read_message(body, Limits())
    assert (answer.field("MSA-1"), answer.value("ERR-1.4.1")) == expected
    assert b"secret" not in body
    assert TRACE.encode() in body


@pytest.mark.parametrize(
    "body", [b"MSH|^~^&|A|B|C|D|20260101||ADT^A01|1|P|2.3.1\r", b"MSH|^~|A", b"MSH" + b"A" * 9_000]
)
def test_v2_05_an_unusable_header_is_rejected(body: bytes) -> None:
    message = Raw(body=body)
    with pytest.raises(errors.Malformed) as malformed:
        FORM.open(message)
    sealed = FORM.fault(malformed.value, message, None, NOW, TRACE)
    answer = read_message(b"".join(sealed.pieces), Limits())
    assert (answer.field("MSA-1"), answer.value("ERR-3.1")) == ("AR", "207")


@pytest.mark.parametrize("body", [b"GET / HTTP/1.1\r\n\r\n", b"", b"\xef\xbb\xbfMSH|^~\\&|A"])
def test_v2_05_what_is_no_hl7_is_not_answered(body: bytes) -> None:
    sealed = FORM.fault(errors.Malformed("no MSH"), Raw(body=body), None, NOW, TRACE)
    assert sealed == CLOSE
    assert (sealed.status, list(sealed.pieces)) == (0, [])


def test_strangers_are_not_answered() -> None:
    assert FORM.fault(errors.NodeRefused("unknown"), raw(), None, NOW, TRACE) == CLOSE


def test_v2_06_a_wrong_character_set_is_answered_with_the_control_id() -> None:
    message = Raw(body=raw().body + "PID|||||Zoë\r".encode())
    with pytest.raises(Refused) as refused:
        FORM.open(message)
    answer = read_message(b"".join(FORM.fault(refused.value, message, None, NOW, TRACE).pieces), Limits())
    assert (answer.field("MSA-1"), answer.field("MSA-2")) == ("AE", "ID-1")
    assert answer.raw("ERR-1").startswith("MSH^1^18^102&")
