"""Valid messages of HL7 V3 and between communities."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lxml import etree

from gateway.client import xds
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import OTHER, PATIENT, House, transaction_of
from tests.messages.soap import write_soap

DATA = Path(__file__).parents[2] / "conformance" / "data"
V3_FILES = {
    "PRPA_IN201301UV02": "v3-add-anna.xml",
    "PRPA_IN201302UV02": "v3-revise-anna.xml",
    "PRPA_IN201304UV02": "v3-merge.xml",
    "PRPA_IN201309UV02": "v3-pix-query.xml",
    "PRPA_IN201305UV02": "v3-pdq-two-by-one.xml",
    "QUQI_IN000003UV01_Continue": "v3-continue.xml",
    "QUQI_IN000003UV01_Cancel": "v3-cancel.xml",
}


def v3_body(house: House, file: str) -> bytes:
    """An HL7 V3 message about the two known patients; a feed announces somebody else."""
    values = {
        "$root$": house.settings.domain.affinity_oid,
        "$id$": "FRESH" if file.startswith(("v3-add", "v3-revise")) else PATIENT,
        "$other$": OTHER,
        "$family$": "Fresh",
        "$message$": xds.new_oid(),
        "$query$": "2.25.4712",
    }
    text = (DATA / file).read_text(encoding="utf-8")
    for token, value in values.items():
        text = text.replace(token, value)
    return c14n(etree.fromstring(text))


def v3(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """ITI-44, 45 or 47; a continuation follows a query that was asked before."""
    name = transaction.binding.action.rpartition(":")[2]
    if name.startswith("QUQI"):
        asked = write_soap(house, transaction_of(house, "ITI-47"), [v3_body(house, "v3-pdq-two-by-one.xml")])
        assert b'typeCode code="AA"' in b"".join(asyncio.run(house.call("soap", asked)).pieces)
    return "soap", write_soap(house, transaction, [v3_body(house, V3_FILES[name])])


def xcpd(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """ITI-55 or ITI-56, from the gateway of another community."""
    file = "xcpd-by-id.xml" if transaction.code == "ITI-55" else "xcpd-location.xml"
    body = v3_body(house, file)
    return "soap", write_soap(house, transaction, [body], partner="tester", role="node:tester")
