"""Writes the dossier of one exchange to a file: signed PDF/A, HTML, or the machine form alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from gateway.audit.dossier import Dossier, machine_form
from gateway.audit.dossierpaper import dossier_paper
from gateway.cli.dossiering import dossier_of
from gateway.cli.policyroom import opened, ready
from gateway.config import Settings
from gateway.errors import SettingsInvalid
from gateway.identity.operators import Operator
from gateway.paper.hand import Hand
from gateway.paper.html import write_html
from gateway.paper.pdf import write_pdf
from gateway.paper.signing import issued_pdf

_OWNER_ONLY = 0o600


def write_dossier(settings: Settings, trace: str, output: Path, operator: Operator) -> int:
    """Writes a new file that only its owner can read; gives the number of audit rows."""
    write = _WRITERS.get(output.suffix.lower())
    if write is None:
        raise SettingsInvalid(f"expected one of {', '.join(_WRITERS)}", location=str(output))
    if output.exists():
        raise SettingsInvalid("the file is there already; nothing was written", location=str(output))
    dossier, hand = asyncio.run(_gathered(ready(settings), trace, operator))
    data = write(dossier, hand)
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
        file.write(data)
    return len(dossier.told)


async def _gathered(settings: Settings, trace: str, operator: Operator) -> tuple[Dossier, Hand]:
    async with opened(settings) as room:
        engine = room.gateway.engine
        hand = engine.services.access.trail.hand or Hand(engine.signer)
        return await dossier_of(room, trace, operator), hand


def _pdf(dossier: Dossier, hand: Hand) -> bytes:
    made, reason = write_pdf(dossier_paper(dossier)), f"Dossier of exchange {dossier.trace_id}"
    return asyncio.run(issued_pdf(made, hand, dossier.made, reason=reason))


def _html(dossier: Dossier, _hand: Hand) -> bytes:
    return write_html(dossier_paper(dossier))


def _json(dossier: Dossier, _hand: Hand) -> bytes:
    return machine_form(dossier)


_WRITERS: Mapping[str, Callable[[Dossier, Hand], bytes]] = MappingProxyType(
    {".pdf": _pdf, ".html": _html, ".json": _json}
)
