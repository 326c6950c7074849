"""One valid message for each transaction, and the record in which it succeeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.client import xds
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.asking import assertion_asked, oauth
from tests.housing import OTHER, PATIENT, House
from tests.messages.consents import any_consent_raw
from tests.messages.directory import directory_raw
from tests.messages.fhir import fhir
from tests.messages.hl7v2 import CANCELLED, administration, adt_feed, hl7, hl7_query, link_change
from tests.messages.hl7v3 import v3, xcpd
from tests.messages.media import media_raw
from tests.messages.offices import desk_raw, emergency_raw, feed_raw, journal_raw, presence_raw, trail_raw
from tests.messages.persons import person_raw, subscription_raw
from tests.messages.soap import write_soap
from tests.messages.xds import (
    STORED,
    document,
    entry_uuid,
    many_body,
    on_demand_body,
    provide_pieces,
    query_body,
    register_body,
    remove_body,
    retrieve_body,
    update_body,
)

PERSON_IN_FHIR = ("ITI-78", "ITI-83", "ITI-93", "ITI-104", "ITI-119")
DESK = ("IDV-1", "IDV-2", "IDV-3", "IDV-4")


async def prepare(house: House) -> None:
    """Two known patients, one stored document; so that every message below would succeed."""
    for patient in (PATIENT, OTHER):
        answer = await house.call("hl7v2", hl7(house, "A01", patient))
        assert b"MSA|AA" in b"".join(answer.pieces)
    for trigger, made in CANCELLED.items():
        movement = administration(house, made)
        movement = replace(movement, body=movement.body.replace(b"V-1", b"V-" + made.encode()))
        patient = movement.body.replace(b"FRESH", PATIENT.encode())
        answer = await house.call("hl7v2", replace(movement, body=patient))
        assert b"MSA|AA" in b"".join(answer.pieces), trigger


def message(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """The wire form and one valid message."""
    root = house.settings.domain.affinity_oid
    administrator = {"partner": "hospital", "role": "records-administrator"}
    makers: dict[str, Callable[[], tuple[str, Raw]]] = {
        "ITI-41": lambda: (
            "soap",
            write_soap(house, transaction, provide_pieces(house, document(house, xds.new_oid()))),
        ),
        "ITI-42": lambda: ("soap", write_soap(house, transaction, [register_body(house, xds.new_oid())])),
        "ITI-61": lambda: ("soap", write_soap(house, transaction, [on_demand_body(house, xds.new_oid())])),
        "ITI-18": lambda: ("soap", write_soap(house, transaction, [query_body(house)])),
        "ITI-43": lambda: ("soap", write_soap(house, transaction, [retrieve_body(STORED)])),
        "ITI-51": lambda: (
            "soap",
            write_soap(house, transaction, [many_body()], partner="tester", role="node:tester"),
        ),
        "ITI-67": lambda: (
            "fhir",
            fhir(house, "/DocumentReference", f"patient.identifier=urn:oid:{root}|{PATIENT}&status=current"),
        ),
        "ITI-32": lambda: ("fhir", media_raw(house, transaction)),
        "ITI-68": lambda: ("fhir", fhir(house, f"/Binary/{entry_uuid(house)}")),
        "ITI-57": lambda: ("soap", write_soap(house, transaction, [update_body(house)])),
        "ITI-92": lambda: ("soap", write_soap(house, transaction, [update_body(house)])),
        "ITI-62": lambda: ("soap", write_soap(house, transaction, [remove_body(house)], **administrator)),
        "ITI-86": lambda: (
            "soap",
            write_soap(house, transaction, [retrieve_body(STORED, "RemoveDocuments")], **administrator),
        ),
        "ITI-8": lambda: ("hl7v2", adt_feed(house, transaction)),
        "ITI-44": lambda: v3(house, transaction),
        "ITI-45": lambda: v3(house, transaction),
        "ITI-47": lambda: v3(house, transaction),
        "ITI-55": lambda: xcpd(house, transaction),
        "ITI-56": lambda: xcpd(house, transaction),
        "ITI-30": lambda: ("hl7v2", administration(house, transaction.binding.triggers[0])),
        "ITI-64": lambda: ("hl7v2", link_change(house)),
        "ITI-31": lambda: ("hl7v2", administration(house, transaction.binding.triggers[0])),
        **dict.fromkeys(("ITI-9", "ITI-21", "ITI-22"), lambda: ("hl7v2", hl7_query(house, transaction))),
        **{code: lambda: ("fhir", desk_raw(house, transaction)) for code in DESK},
        **{code: lambda: ("fhir", person_raw(house, transaction)) for code in PERSON_IN_FHIR},
        "ITI-108": lambda: ("fhir", any_consent_raw(house, transaction)),
        "ITI-94": lambda: ("fhir", subscription_raw(house, transaction)),
        **{code: lambda: ("soap", directory_raw(house, transaction)) for code in ("ITI-58", "ITI-59")},
        **dict.fromkeys(("ITI-81", "ITI-82"), lambda: ("fhir", trail_raw(house, transaction))),
        **dict.fromkeys(("PRS-1", "PRS-2"), lambda: ("fhir", presence_raw(house, transaction))),
        **dict.fromkeys(("EMG-1", "EMG-2", "EMG-3"), lambda: ("fhir", emergency_raw(house, transaction))),
        "JRN-1": lambda: ("fhir", journal_raw(house, transaction)),
        "ITI-20": lambda: ("fhir", feed_raw(house, transaction.binding.path)),
        "ITI-40": lambda: ("trust", assertion_asked(house)),
        **dict.fromkeys(("ITI-71", "ITI-102", "ITI-103"), lambda: oauth(house, transaction)),
    }
    return makers.get(transaction.code, lambda: ("fhir", fhir(house, "/metadata", with_token=False)))()
