"""The scenes in which the server refuses, and the auditor looks (ITI-43, ITI-41, ITI-18, ITI-19, ITI-20)."""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64decode
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
from lxml import etree
from sqlalchemy import Row

from gateway.audit.findings import Report
from gateway.audit.verify import verify_export
from gateway.bindings.addressing import ANONYMOUS
from gateway.cli.demo.actors import Cast, Unexpected, expect, server_certificates
from gateway.cli.demo.screen import Notes
from gateway.cli.trail import export_lines, rows_of
from gateway.client.soap import Faulted, SoapClient
from gateway.client.xds import RegistryFailure
from gateway.crypto.keys import fingerprint
from gateway.crypto.safexml import parse
from gateway.declare.bindings import Attachment, Sealed

EXPORT, CHANGED = "audit.jsonl", "audit-changed.jsonl"
_SEALED_SECONDS = 10.0
_POLL_SECONDS = 0.2
_LEVELS = ("", "normal", "restricted", "very restricted")
_FAILED_CHECK = "FailedCheck"
_SERIOUS_FAILURE = 8
_NO_CERTIFICATE = "no client certificate"


# --- what is refused -----------------------------------------------------------------------------


async def hidden_document(cast: Cast) -> Notes:
    """Who knows the id of a hidden document learns nothing; the audit trail has the reason."""
    letter = cast.papers.psychiatric.unique_id
    code = await _registry_error(cast.pharmacist.retrieve(letter))
    expect(code == "XDSDocumentUniqueIdError", f"the error is {code}")
    trace = cast.pharmacist.traces[-1]
    rows = await rows_of(cast.settings, trace)
    expect(len(rows) == 1, f"{len(rows)} audit rows of this exchange, expected one")
    return (
        f"{code}: the same answer as for a document that does not exist",
        f"audit trail, trace {trace[:8]}…, outcome {rows[0].outcome}: {_told(rows[0], letter)}",
    )


def _told(row: Row[Any], letter: str) -> str:
    """The audited reason and the decision receipt, in words."""
    message = parse(row.message.encode())
    reason, rule = (_detail(message, name) for name in ("reason", "rule"))
    expect(reason == "PROFILE", f"the audited reason is {reason!r}")
    receipt = orjson.loads(row.decision)
    expect(receipt["hidden"] == [letter], "the decision receipt does not name the hidden document")
    decision = receipt["decisions"][0]
    level = _LEVELS[int(decision["path"][-1].rpartition(" ")[2])]
    return f"{reason}, rule {rule}: pharmacists see medication up to “{level}”; {letter} is hidden"


def _detail(message: etree._Element, name: str) -> str:
    found = message.find(f".//ParticipantObjectDetail[@type='{name}']")
    return "" if found is None else b64decode(found.get("value", "")).decode()


async def unknown_patient(cast: Cast) -> Notes:
    """No feed made this patient known."""
    stray = replace(
        cast.papers.discharge, patient=cast.hospital.acting.full_id("DEMO-9999"), unique_id="2.999.10.9"
    )
    code = await _registry_error(cast.hospital.provide(stray))
    expect(code == "XDSUnknownPatientId", f"the error is {code}")
    return (f"{code}: a patient identity feed must come first; nothing was stored",)


async def tampered_message(cast: Cast) -> Notes:
    """One octet of the signed Body, changed on the way."""
    honest = cast.pharmacist.soap()
    tampering = _Tampering(
        http=honest.http, signer=honest.signer, server_certificates=honest.server_certificates
    )
    try:
        await cast.pharmacist.find(cast.papers.patient, tampering)
    except Faulted as fault:
        subcode = str(fault.subcode)
        expect(subcode.endswith(_FAILED_CHECK), f"the fault is {subcode}")
        return (f"{subcode}: one octet of the signed Body was changed, patient DEMO-1001 to DEMO-1002",)
    raise Unexpected("the changed message was taken")


class _Tampering(SoapClient):
    """Somebody on the way who asks for another patient."""

    def compose(
        self,
        url: str,
        action: str,
        pieces: Sequence[bytes | Attachment],
        *,
        packaged: bool,
        assertion: bytes | None = None,
        reply_to: str = ANONYMOUS,
        message_id: str | None = None,
    ) -> Sealed:
        """The message of an honest client, with one octet changed after it was signed."""
        message = super().compose(
            url,
            action,
            pieces,
            packaged=packaged,
            assertion=assertion,
            reply_to=reply_to,
            message_id=message_id,
        )
        body = b"".join(message.chunks())
        changed = body.replace(b"DEMO-1001", b"DEMO-1002", 1)
        expect(changed != body, "the message has no patient id to change")
        return replace(message, pieces=(changed,))


async def stranger(cast: Cast) -> Notes:
    """Without a client certificate there is no conversation."""
    context = ssl.create_default_context(cafile=str(cast.settings.tls.trust))
    async with httpx.AsyncClient(verify=context, trust_env=False) as http:
        try:
            response = await http.get(f"{cast.hospital.acting.endpoints.fhir}/metadata")
        except (httpx.TransportError, ssl.SSLError):
            return ("the TLS handshake ends the connection; no message is read, and the attempt is audited",)
    raise Unexpected(f"answered with HTTP {response.status_code}")


async def _registry_error(attempt: Awaitable[object]) -> str:
    try:
        await attempt
    except RegistryFailure as failure:
        return failure.codes[0]
    raise Unexpected("the request was served")


# --- what the auditor finds ----------------------------------------------------------------------


async def verified_trail(cast: Cast) -> Notes:
    """The whole trail, once its last row is sealed; every answer of this play must have its row."""
    lines, report = await _sealed_export(cast)
    (cast.home / EXPORT).write_bytes(b"".join(lines))
    expect(report.ok, f"the first fault is: {report.first}")
    traces = {trace for actor in cast.actors for trace in actor.traces}
    rows = [row for line in lines if (row := _row(line))]
    missing = traces - {row["trace_id"] for row in rows}
    expect(not missing, f"{len(missing)} answers have no audit row")
    expect(
        any(_NO_CERTIFICATE in row["message"] for row in rows), "the stranger's attempt is not in the trail"
    )
    return (
        f"{report.sealed} rows, all intact, under {report.checkpoints} signed checkpoints",
        f"among them a row for each of the {len(traces)} answers over HTTPS, and the stranger's attempt",
    )


async def _sealed_export(cast: Cast) -> tuple[list[bytes], Report]:
    trusted = [fingerprint(der) for der in server_certificates(cast.settings)]
    deadline = time.monotonic() + _SEALED_SECONDS
    while True:
        lines = await export_lines(cast.settings)
        report = verify_export(lines, trusted=trusted)
        if not report.unsealed:
            return lines, report
        expect(time.monotonic() < deadline, f"{report.unsealed} rows are still not sealed")
        await asyncio.sleep(_POLL_SECONDS)


async def forged_trail(cast: Cast) -> Notes:
    """Somebody makes a success of the refused access to the confidential letter."""
    lines = (cast.home / EXPORT).read_bytes().splitlines(keepends=True)
    place = next(at for at, line in enumerate(lines) if _is_refused_retrieve(_row(line)))
    forged = orjson.loads(lines[place])
    forged["row"]["outcome"] = 0
    lines[place] = orjson.dumps(forged) + b"\n"
    (cast.home / CHANGED).write_bytes(b"".join(lines))
    report = verify_export(lines)
    first = report.first
    expect(first is not None and first.audit_id == forged["audit_id"], f"the first fault found is: {first}")
    return (f"found: {first}",)


def refused_trace(home: Path) -> str:
    """The trace id of the refused access, from the trail that was exported."""
    rows = (_row(line) for line in (home / EXPORT).read_bytes().splitlines())
    return next(str(row["trace_id"]) for row in rows if _is_refused_retrieve(row))


def _is_refused_retrieve(row: dict[str, Any]) -> bool:
    return bool(row) and row["transaction"] == "ITI-43" and row["outcome"] == _SERIOUS_FAILURE


def _row(line: bytes) -> dict[str, Any]:
    """The content of a row's line; empty for header and checkpoints."""
    return orjson.loads(line).get("row") or {}
