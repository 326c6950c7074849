"""A consent as JSON text, as it is sealed under the key of its patient; strict on the way back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from gateway.errors import Defect
from gateway.record.access import Period
from gateway.record.consents import Author, Consent, Directive, Kind

_VERSION = 1


def pack(consent: Consent) -> bytes:
    """What of a consent is sealed: all but its place, time and status."""
    author = consent.author
    return orjson.dumps(
        {
            "version": _VERSION,
            "directives": [_directive(each) for each in consent.directives],
            "author": {name: getattr(author, name) for name in Author.__slots__},
            "reason": consent.reason,
            "form": consent.form,
        }
    )


def unpack(text: bytes) -> dict[str, Any]:
    """The fields of a consent that were sealed; Defect when they are not exactly these."""
    try:
        content = orjson.loads(text)
        if content["version"] != _VERSION:
            raise Defect(f"the stored consent is not of version {_VERSION}")
        return {
            "directives": tuple(_read(each) for each in content["directives"]),
            "author": Author(**content["author"]),
            "reason": content["reason"],
            "form": content["form"],
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise Defect("a stored consent cannot be read") from error


def _directive(each: Directive) -> dict[str, object]:
    return {
        "kind": each.kind.value,
        "subject": each.subject,
        "start": each.period.start.isoformat() if each.period.start else None,
        "end": each.period.end.isoformat() if each.period.end else None,
        "documents": sorted(each.documents),
        "purpose": each.purpose,
        "rank": each.rank,
        "actions": sorted(each.actions),
        "given_by": each.given_by,
    }


def _read(content: dict[str, Any]) -> Directive:
    start, end = content["start"], content["end"]
    return Directive(
        kind=Kind(content["kind"]),
        subject=content["subject"],
        period=Period(
            datetime.fromisoformat(start) if start else None, datetime.fromisoformat(end) if end else None
        ),
        documents=frozenset(content["documents"]),
        purpose=content["purpose"],
        rank=content["rank"],
        actions=frozenset(content["actions"]),
        given_by=content["given_by"],
    )
