"""The stored receipt of a decision."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from gateway.policy.receipt import receipt
from gateway.record.access import Decision, Listing, PatientRights

Ask = Callable[..., Decision]


def test_a_permit_with_its_grant(ask: Ask) -> None:
    decision = ask()
    content = orjson.loads(receipt(decision))
    assert content["permitted"] is True
    assert (content["reason"], content["rule"]) == ("PERMIT", "P9")
    assert content["path"] == list(decision.path)
    assert content["policy_version"] == decision.policy_version
    assert content["grant"]["rank"] == 1
    assert content["grant"]["classes"] is None
    assert content["rights_sha256"] is None


def test_a_refusal_has_no_grant(ask: Ask) -> None:
    content = orjson.loads(receipt(ask(rights=None)))
    assert (content["permitted"], content["reason"], content["grant"]) == (False, "DSP_UNAVAILABLE", None)


def test_the_digest_tells_the_inputs_apart(ask: Ask) -> None:
    decision = ask()
    texts = {
        receipt(decision, rights) for rights in (PatientRights(), PatientRights(blacklist=(Listing("x"),)))
    }
    assert len(texts) == 2
    assert receipt(decision, PatientRights()) == receipt(decision, PatientRights())
