"""Every transaction, with both outcomes, leaves the audit message of its table (ITI TF-2 3.20.4.1).

The facts stand here once more, apart from the declarations: codes, actions, who is source and destination,
and what kinds of objects are named.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from gateway.bindings import fhirtypes
from gateway.cli.compose import catalogue
from gateway.declare.notification import Notification
from gateway.declare.transaction import AnyTransaction
from gateway.errors import Busy
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.stages import STAGES
from gateway.record.events import AuditRecord, Entity
from gateway.trail.balp import INTERACTION, RESTFUL, patterned_event
from gateway.trail.dicom import read_message

SHARED = Path(os.environ.get("PASSERELLE_SHARED", Path(__file__).parents[3] / "shared"))
SCHEMA = SHARED / "corpus" / "xsd" / "dicom-audit" / "dicom2017c.xsd"

PATIENT, SET, DOCUMENT, QUERY = "patient", "submission set", "document", "query"
OBJECT, RESOURCE, ENTRY, BUNDLE = "registry object", "resource", "directory entry", "bundle"
TRACE, DECISION = "trace", "decision"
EXPORT, IMPORT, RECORD, ASKED = "110106", "110107", "110110", "110112"
LOGIN, LOG_USED, REST = "110114", "110101", "rest"
SUBMISSION_SET = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"


@dataclass(frozen=True)
class Facts:
    """What we record as responder, and what an initiator records.

    `must` are kinds of objects that a success names, `may` others beside them. `back`: data flow back, so
    that the responder is the source.
    """

    event: str
    actions: str
    sent: tuple[str, str]
    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    back: bool = False


def query(*must: str) -> Facts:
    return Facts(ASKED, "E", (ASKED, "E"), frozenset(must or {QUERY}), frozenset({PATIENT, QUERY}))


def submission(action: str = "C", sent: str = "R") -> Facts:
    return Facts(IMPORT, action, (EXPORT, sent), frozenset({PATIENT, SET}))


def record(actions: str, *must: str) -> Facts:
    return Facts(RECORD, actions, (RECORD, actions), frozenset(must), frozenset({PATIENT}))


def rest(actions: str, *may: str) -> Facts:
    return Facts(REST, actions, (REST, actions), frozenset(), frozenset(may))


LOGGED_IN = Facts(LOGIN, "E", (LOGIN, "E"), frozenset(), frozenset({PATIENT, QUERY}))
TRAIL_READ = Facts(LOG_USED, "R", (LOG_USED, "R"), frozenset({QUERY}), frozenset({PATIENT, DECISION}))

TABLE = {
    **dict.fromkeys(("ITI-18", "ITI-9", "ITI-21", "ITI-22", "ITI-45", "ITI-47"), query(QUERY)),
    **dict.fromkeys(("ITI-51", "ITI-55", "ITI-56", "ITI-58"), query(QUERY)),
    **dict.fromkeys(("ITI-67", "ITI-78", "ITI-83", "ITI-119"), query(QUERY)),
    **dict.fromkeys(("IDV-1", "IDV-3", "EMG-1", "EMG-2"), query(QUERY)),
    **dict.fromkeys(("ITI-41", "ITI-42", "ITI-61"), submission()),
    **dict.fromkeys(("ITI-57", "ITI-92"), submission("U", "U")),
    "ITI-43": Facts(EXPORT, "R", (IMPORT, "C"), frozenset({DOCUMENT}), frozenset({PATIENT}), back=True),
    "ITI-68": Facts(EXPORT, "R", (IMPORT, "C"), frozenset({DOCUMENT}), frozenset({PATIENT}), back=True),
    "ITI-32 in": submission(),
    "ITI-32 out": Facts(EXPORT, "R", (IMPORT, "C"), frozenset({PATIENT, SET}), back=True),
    "ITI-62": record("D", OBJECT),
    "ITI-86": record("D", DOCUMENT),
    **dict.fromkeys(("ITI-8", "ITI-30", "ITI-31", "ITI-44", "ITI-104", "ITI-93"), record("CUD", PATIENT)),
    "ITI-64": record("U", PATIENT, SET),
    "ITI-59": Facts(IMPORT, "CUDE", (EXPORT, "R"), frozenset({ENTRY})),
    **dict.fromkeys(("IDV-2", "IDV-4", "EMG-3"), record("U", QUERY)),
    "PRS-1": record("C", PATIENT),
    "PRS-2": record("U", PATIENT),
    "ITI-108": rest("CRUDE", PATIENT, QUERY, RESOURCE),
    "ITI-94": rest("CRUD", QUERY),
    "ITI-103": rest("R", QUERY),
    "FHIR-METADATA": Facts(ASKED, "R", (ASKED, "R"), frozenset(), frozenset({QUERY})),
    "ITI-20": rest("C", RESOURCE, BUNDLE),
    **dict.fromkeys(("ITI-40", "ITI-71", "ITI-102"), LOGGED_IN),
    **dict.fromkeys(("ITI-81", "ITI-82", "JRN-1"), TRAIL_READ),
}
SENT = {
    "ITI-10": (RECORD, "R"),
    "ITI-46": (RECORD, "R"),
    "ITI-64": (RECORD, "U"),
    "ITI-93": (RECORD, "U"),
    "EMG-4": (RECORD, "R"),
}
"""What we record of messages that we send by ourselves."""

TYPES = {"FHIR-METADATA": "capabilities"}
NOT_OF_IHE = ("IDV-", "EMG-", "PRS-", "JRN-")


CATALOGUE = catalogue()
TRANSACTIONS = tuple(CATALOGUE.transactions())


def facts_of(transaction: AnyTransaction) -> Facts:
    code, method = transaction.code, getattr(transaction.binding, "method", "")
    if code == "ITI-32":
        code += " out" if method == "GET" else " in"
    return TABLE[code]


def label(transaction: AnyTransaction) -> str:
    triggers = getattr(transaction.binding, "triggers", (getattr(transaction.binding, "method", ""),))
    return f"{transaction.code}{triggers[0] and '-' + triggers[0]}"


@pytest.fixture(scope="session")
def schema() -> etree.XMLSchema | None:
    return etree.XMLSchema(etree.parse(SCHEMA)) if SCHEMA.is_file() else None


def kind_of(entity: Entity) -> str:
    role, kind = entity.role, entity.id_type
    assert kind is not None
    if entity.is_patient:
        return PATIENT
    if role == "20" and kind.code in {SUBMISSION_SET, "ITI-32"}:
        return SET
    if role == "3" and (kind.code, kind.scheme) == ("9", "RFC-3881"):
        return DOCUMENT
    if role == "3" and kind.scheme == "IHE XDS Metadata":
        return OBJECT
    if role == "3" and kind.scheme == "http://hl7.org/fhir/resource-types":
        return RESOURCE
    found = {"24": QUERY, "26": TRACE, "13": DECISION, "15": ENTRY, "7": BUNDLE}
    return found[str(role)]


def rows(house: Any) -> list[str]:
    return [str(message) for (message,) in house._query("SELECT message FROM audit ORDER BY id")]


def busy(stage: Any) -> Any:
    async def instead(x: Exchange, engine: Engine) -> None:  # noqa: ARG001
        raise Busy("cannot be done now")

    instead.__name__ = stage.__name__
    return instead


def told(house: Any, form: str, raw: Any, engine: Engine | None = None) -> list[str]:
    before = len(rows(house))
    asyncio.run(house.call(form, raw, engine))
    return rows(house)[before:]


@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=label)
def test_every_transaction_leaves_what_its_table_says(
    ready: Any,
    message_of: Callable[[Any, AnyTransaction], tuple[str, Any]],
    transaction: AnyTransaction,
    schema: etree.XMLSchema | None,
) -> None:
    facts = facts_of(transaction)
    stages = [busy(each) if each.__name__ == "handle" else each for each in STAGES]
    form, raw = message_of(ready, transaction)
    failed = told(ready, form, raw, replace(ready.gateway.engine, stages=stages))
    form, raw = message_of(ready, transaction)
    done = told(ready, form, raw)
    assert failed
    assert done
    for text in (*failed, *done):
        check_message(text, transaction, facts)
        if schema is not None:
            schema.assertValid(etree.fromstring(text))
    assert {read_message(each.encode()).outcome for each in failed} <= {4, 8, 12}
    deferred = ":Deferred:" in getattr(transaction.binding, "action", "")
    for text in () if deferred else done:
        found = read_message(text.encode())
        kinds = {kind_of(each) for each in found.entities}
        assert found.outcome == 0
        assert facts.must <= kinds
        assert kinds <= facts.must | facts.may | {TRACE}


def check_message(text: str, transaction: AnyTransaction, facts: Facts) -> None:
    found = read_message(text.encode())
    scheme = found.types[0].scheme
    assert (found.event.code, found.types[0].code) == (
        facts.event,
        TYPES.get(transaction.code, transaction.code),
    )
    assert scheme in {"IHE Transactions", "IHE"} or transaction.code.startswith((*NOT_OF_IHE, "FHIR"))
    assert found.action in facts.actions
    source, destination = (
        next(each for each in found.agents if each.roles and each.roles[0].code == role)
        for role in ("110153", "110152")
    )
    here, peer = (source, destination) if facts.back else (destination, source)
    assert here.alternative_id, "the local side gives its process id"
    assert not peer.alternative_id
    assert (here.requestor, peer.requestor) == (False, True)
    assert source.address
    assert destination.address
    assert found.source_id
    check_resource(found)


def check_resource(found: AuditRecord) -> None:
    """The FHIR form is valid, and follows BALP where the transaction is a RESTful one."""
    resource = patterned_event(found, "1-1")
    fhirtypes.check(resource)
    subtypes = {(each.get("system"), each["code"]) for each in resource["subtype"]}
    if found.transaction:
        assert ("urn:ihe:event-type-code", found.transaction) in subtypes
    if found.event.code != REST and found.transaction not in RESTFUL:
        assert resource["type"]["code"] == found.event.code
        return
    interaction = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "search"}[str(found.action)]
    assert (resource["type"]["code"], resource["action"]) == (REST, found.action)
    assert (INTERACTION, interaction) in subtypes
    kinds = [
        coding["code"] for each in resource["agent"] for coding in each.get("type", {}).get("coding", ())
    ]
    systems = {"110150", "custodian"} if found.action == "D" else {"110153", "110152"}
    user = {"IRCP"} if found.action in {"R", "E"} else {"AUT"}
    assert systems <= set(kinds) <= systems | user
    assert resource["source"]["observer"] in [each.get("who") for each in resource["agent"]]
    queries = [each for each in resource.get("entity", ()) if each.get("role", {}).get("code") == "24"]
    assert not [each for each in queries if "what" in each]


@pytest.mark.parametrize("transaction", TRANSACTIONS, ids=label)
def test_an_initiator_would_record_the_other_side(transaction: AnyTransaction) -> None:
    audit, facts = transaction.audit, facts_of(transaction)
    assert (audit.sent.code, audit.sent_action.value) == (
        facts.sent[0],
        audit.received_action.value if len(facts.sent[1]) > 1 else facts.sent[1],
    )
    assert audit.from_responder is facts.back


@pytest.mark.parametrize("notification", CATALOGUE.notifications.values(), ids=lambda each: each.code)
def test_what_we_send_is_recorded_as_the_source_does(notification: Notification) -> None:
    audit = notification.audit
    assert (audit.sent.code, audit.sent_action.value) == SENT[notification.code]
    assert (audit.received.code, audit.received_action.value) == (RECORD, "U")
    assert audit.type.code == notification.code


def test_the_table_is_whole() -> None:
    declared = {each.code for each in TRANSACTIONS}
    assert declared <= {name.partition(" ")[0] for name in TABLE}
    assert set(CATALOGUE.notifications) == set(SENT)
