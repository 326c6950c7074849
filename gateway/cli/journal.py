"""`passerelle journal`: the journal of a patient on paper, for who asks an office for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import SettingsInvalid
from gateway.record.people import PatientId

_DEFAULT = Path("passerelle.toml")
ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")]


@unique
class Language(StrEnum):
    """Languages of the journal."""

    FR = "fr"
    DE = "de"
    LB = "lb"
    EN = "en"
    PT = "pt"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(journal)


def journal(
    patient: Annotated[str, typer.Argument(help="id^^^&OID&ISO, or an id of the affinity domain.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new file; .pdf is signed, .html or .json.")],
    language: Annotated[Language, typer.Option(help="Language of the patient.")] = Language.FR,
    since: Day = None,
    until: Day = None,
    most: Annotated[int, typer.Option(help="So many entries, the newest ones.", min=1, max=5000)] = 1000,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Write a patient's journal: who used the record, when, for what, by which rule."""
    from gateway.cli.deciding import prepared  # noqa: PLC0415
    from gateway.cli.journaldesk import write_journal  # noqa: PLC0415
    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415
    from gateway.crypto.pki import write_secret  # noqa: PLC0415
    from gateway.journal.answers import FORMS  # noqa: PLC0415
    from gateway.journal.book import Asked  # noqa: PLC0415

    form = out.suffix.removeprefix(".")
    if form not in FORMS:
        raise SettingsInvalid(f"expected a file that ends in .{', .'.join(FORMS)}", location=str(out))
    settings = prepared(load_settings(config))
    asked = Asked(
        patient=_identity(patient, settings.domain.affinity_oid),
        since=_utc(since),
        until=_utc(until),
        most=most,
    )
    if out.exists():
        raise SettingsInvalid("the file is there already; nothing was written", location=str(out))
    with administering(settings, {"rights-manager", "auditor"}, "journal") as operator:
        count, content = asyncio.run(write_journal(settings, asked, form, language.value, operator.id))
        write_secret(out, content)
    print(f"{count} entries written to {out}")


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None else None


def _identity(text: str, root: str) -> PatientId:
    extension, found, rest = text.partition("^^^&")
    return PatientId(extension, rest.removesuffix("&ISO") if found else root)
