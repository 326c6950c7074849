"""The capabilities interaction as declared over profiles; the pipeline around it is tested with MHD."""

from typing import Any

import orjson
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from gateway.declare.catalogue import build
from gateway.errors import Meaning, Problem
from profiles import PROFILES
from profiles.fhirbase.fhir_metadata import Capabilities, encode, refuse, target
from profiles.fhirbase.profile import profile_over
from profiles.mhd.profile import PROFILE as MHD


def test_one_path_for_all_profiles() -> None:
    transaction, variables = build(PROFILES).find_fhir("GET", "/metadata")
    assert (transaction.code, variables) == ("FHIR-METADATA", {})
    assert len(transaction.code) <= 16  # the column of the audit
    assert transaction.action.of_server


def test_the_audit_tells_that_it_was_read() -> None:
    told = target(None).query  # type: ignore[arg-type]
    assert told is not None
    assert (told.identifier, told.text) == ("CapabilityStatement", b"metadata")


def test_the_reply_is_the_statement() -> None:
    (transaction,) = profile_over((MHD,)).transactions
    statement = {"resourceType": "CapabilityStatement"}
    assert transaction.codec.encode is encode
    reply = encode(Capabilities(statement=statement), None)  # type: ignore[arg-type]
    assert orjson.loads(reply.content.data) == statement  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="status"):
        CapabilityStatement.model_validate(statement)


@pytest.mark.parametrize(
    ("meaning", "status", "code"),
    [(Meaning.BUSY, 503, "transient"), (Meaning.NOT_PERMITTED, 403, "forbidden")],
)
def test_refusals(meaning: Meaning, status: int, code: str) -> None:
    reply: Any = refuse((Problem(meaning, "why"),))
    outcome = orjson.loads(reply.content.data)
    OperationOutcome.model_validate(outcome)
    assert (reply.status, outcome["issue"][0]["code"]) == (status, code)
