"""ITI-64 through the whole pipeline: the document itself moves, and the audit tells who is who."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

KIND = "urn:ihe:iti:xpid:2017:patientIdentifierType"


def test_the_document_moves_with_its_key_and_is_audited(forge: Any, words: Any) -> None:
    found = forge.send(words.link_change(forge.house, "CTRL-64"), "hl7v2", unchanged=False)
    assert b"\rMSA|AA|CTRL-64" in found.body
    assert found.kinds == [("110110", "ITI-64", 0)]
    message = found.audit[0].message
    objects = [each for each in message.split("<ParticipantObjectIdentification") if KIND in each]
    told = [
        (
            re.findall(r'ParticipantObjectID="([^^"]+)', each)[0],
            re.findall(r'ParticipantObjectDataLifeCycle="(\d+)"', each),
            b64decode(re.findall(rf'type="{KIND}" value="([^"]+)"', each)[0]).decode(),
        )
        for each in objects
    ]
    assert told == [
        (words.PATIENT, [], "localPatientId"),
        (words.OTHER, ["1"], "newPatientId"),
        (words.PATIENT, ["14"], "previousPatientId"),
    ]
    assert "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd" in message
    retrieved = forge.accepted(forge.retrieve(words.STORED))
    assert f"{words.OTHER}^^^" in retrieved.audit[0].message


def test_it_is_for_nodes_that_are_enrolled_for_it(forge: Any, words: Any) -> None:
    found = forge.send(words.link_change(forge.house, partner="hospital"), "hl7v2")
    assert b"\rMSA|AR|" in found.body
