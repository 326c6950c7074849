"""Valid messages of HL7 v2: feeds, movements, queries, a change of links."""

from __future__ import annotations

import uuid

from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import OTHER, PATIENT, House


def hl7(house: House, trigger: str, patient: str, merged: str | None = None) -> Raw:
    root = house.settings.domain.affinity_oid
    control = uuid.uuid4().hex[:20]
    mrg = f"MRG|{merged}^^^&{root}&ISO\r" if merged else ""
    pv1 = "" if merged else "PV1|1|O\r"
    text = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{control}|P|2.3.1\r"
        f"EVN|{trigger}|20260101120000\rPID|1||{patient}^^^&{root}&ISO||TEST^CONTRACT||19700101|F\r{mrg}{pv1}"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


CANCELLED = {"A12": "A02", "A13": "A03", "A38": "A05", "A52": "A21"}
"""Triggers that cancel, each with one that it cancels."""


def administration(house: House, trigger: str) -> Raw:
    """A message of patient administration (HL7 v2.5) that is accepted once `prepare` was there."""
    root = house.settings.domain.affinity_oid
    fresh = trigger in {"A01", "A04", "A05", "A08", "A28", "A31"}
    first, second = f"{'FRESH' if fresh else PATIENT}^^^&{root}&ISO", f"{OTHER}^^^&{root}&ISO"
    person = "||TEST^CONTRACT||19700101|F"
    tail = {"A40": f"MRG|{second}", "A47": f"MRG|{second}", "A44": f"MRG|{second}||V-1"}.get(trigger)
    if trigger in {"A24", "A37"}:
        tail = f"PID|2||{second}{person}"
    if trigger == "A47":
        first = f"RENAMED^^^&{root}&ISO"
    visit = f"PV1|1|I{'|' * 17}V-{CANCELLED.get(trigger, '1')}"
    text = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{uuid.uuid4().hex[:20]}|P|2.5\r"
        f"EVN||20260101120000|20260102\rPID|1||{first}{person}\r{tail or visit}{'|' * 23}20260102\r"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


def hl7_query(house: House, transaction: AnyTransaction) -> Raw:
    """A query of HL7 v2 about the known patient, or the cancel of one."""
    root, trigger = house.settings.domain.affinity_oid, transaction.binding.triggers[0]
    asked = {
        "Q23": f"QPD|IHE PIX Query|contract|{PATIENT}^^^&{root}&ISO\rRCP|I\r",
        "J01": "QID|contract|IHE PDQ Query\r",
    }
    criteria = f"@PID.3.1^{PATIENT}~@PID.3.4.2^{root}~@PID.3.4.3^ISO"
    head = (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||{transaction.binding.message}^{trigger}^"
        f"{transaction.binding.structure}|{uuid.uuid4().hex[:20]}|P|2.5\r"
    )
    text = head + asked.get(trigger, f"QPD|IHE PDQ Query|contract|{criteria}\rRCP|I\r")
    return house.peer(Raw(body=text.encode(), target="mllp"), "hospital")


def link_change(house: House, control: str = "", partner: str = "tester") -> Raw:
    """ITI-64: the documents that PATIENT has under the same identifier go to OTHER."""
    root = house.settings.domain.affinity_oid
    text = (
        f"MSH|^~\\&|2.999.4.1|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A43^ADT_A43"
        f"|{control or uuid.uuid4().hex[:20]}|P|2.5\rEVN||20260101120000\r"
        f"PID|||{OTHER}^^^&{root}&ISO~{PATIENT}^^^&{root}&ISO|| |\rMRG|{PATIENT}^^^&{root}&ISO\r"
    )
    return house.peer(Raw(body=text.encode(), target="mllp"), partner)


def adt_feed(house: House, transaction: AnyTransaction) -> Raw:
    trigger = transaction.binding.triggers[0]
    return hl7(house, trigger, "FRESH" if trigger != "A40" else PATIENT, OTHER if trigger == "A40" else None)
