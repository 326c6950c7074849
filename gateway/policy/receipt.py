"""The decision receipt as text: what is stored with the effect, and what proves its inputs (P1 to P10)."""

from __future__ import annotations

from hashlib import sha256

import orjson

from gateway.policy.rights_json import to_json
from gateway.record.access import Decision, Grant, PatientRights


def receipt(decision: Decision, rights: PatientRights | None = None) -> str:
    """Canonical JSON of the decision. `rights` adds a digest, so that a second run can be compared."""
    digest = None if rights is None else sha256(to_json(rights).encode("utf-8")).hexdigest()
    content = {
        "permitted": decision.permitted,
        "reason": decision.reason,
        "rule": decision.rule,
        "path": decision.path,
        "policy_version": decision.policy_version,
        "obligations": decision.obligations,
        "grant": None if decision.grant is None else _grant(decision.grant),
        "rights_sha256": digest,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def _grant(grant: Grant) -> dict[str, object]:
    return {
        "rank": grant.rank,
        "classes": None if grant.classes is None else sorted(grant.classes),
        "lifted": sorted(grant.lifted),
        "hidden": sorted(grant.hidden),
        "organisation": grant.organisation,
        "floor": grant.floor,
    }
