"""`passerelle rights`: what a patient decided, shown, said for them, ended, and given out as FHIR."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.record.access import Period
from gateway.record.consents import Directive, Kind
from gateway.record.people import PatientId

if TYPE_CHECKING:
    from gateway.cli.deciding import RightsDesk

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
T = TypeVar("T")

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
Patient = Annotated[str, typer.Argument(help="id^^^&OID&ISO, or an id of the affinity domain.")]
Reason = Annotated[str, typer.Option(help="Why; the patient will read it.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")]


@unique
class Level(StrEnum):
    """Confidentiality in words."""

    NONE = "none"
    NORMAL = "normal"
    RESTRICTED = "restricted"
    VERY_RESTRICTED = "very-restricted"


LEVELS = tuple(Level)
"""By rank."""


@app.command()
def show(
    patient: Patient,
    history: Annotated[bool, typer.Option("--history", help="Every version, with who and why.")] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Show what a patient decided about access, and since when."""
    from gateway.cli.rightspage import page  # noqa: PLC0415

    found = _at_desk(
        config, "rights show", lambda desk, who: desk.decided(who, versions=history), patient, reading=True
    )
    print(page(found, datetime.now(UTC), history=history))


@app.command("set")
def set_(
    patient: Patient,
    kind: Annotated[Kind, typer.Argument(help="What is decided.")],
    reason: Reason,
    subject: Annotated[
        str | None,
        typer.Option(
            help='Person id (a login name, or id^^^&OID&ISO), organisation OID, or "*" for anybody.'
        ),
    ] = None,
    document: Annotated[list[str] | None, typer.Option(help="uniqueId of a document or folder.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose of use, such as TREAT.")] = None,
    level: Annotated[Level | None, typer.Option(help="Of access or confidentiality.")] = None,
    given_by: Annotated[
        str | None, typer.Option(help="Of a mandate: patient, parent, guardian or law.")
    ] = None,
    action: Annotated[list[str] | None, typer.Option(help="A mandate is for these only; repeat.")] = None,
    start: Day = None,
    end: Day = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Record a decision that a patient made away from any system, for set-up and support."""
    from gateway.cli.rightspage import checked  # noqa: PLC0415

    directive = Directive(
        kind=kind,
        subject=subject,
        period=Period(_utc(start), _utc(end)),
        documents=frozenset(document or ()),
        purpose=purpose,
        rank=LEVELS.index(level) if level is not None else None,
        actions=frozenset(action or ()),
        given_by=given_by,
    )
    checked(directive)
    kept = _at_desk(
        config, f"rights set {kind.value}", lambda desk, who: desk.say(who, directive, reason), patient
    )
    print(f"consent {kept.id} holds from now on")


@app.command("end")
def end_(
    consent: Annotated[str, typer.Argument(help="Id of the consent, from show.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
) -> None:
    """End a consent: it stays readable, and counts no longer."""
    _at_desk(config, f"rights end {consent}", lambda desk, _: desk.end(consent, reason))
    print(f"consent {consent} has ended")


@app.command()
def export(
    patient: Patient,
    out: Annotated[Path | None, typer.Option(help="A file to write; default standard output.")] = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Give out what a patient decided as a FHIR Bundle of Consent resources."""
    import orjson  # noqa: PLC0415

    bundle = _at_desk(config, "rights export", lambda desk, who: desk.bundle(who), patient, reading=True)
    text = orjson.dumps(bundle, option=orjson.OPT_INDENT_2).decode()
    if out is None:
        print(text)
        return
    out.write_text(text + "\n", encoding="utf-8")
    print(f"{len(bundle.get('entry', ()))} consents written to {out}")


def _at_desk(
    config: Path,
    act: str,
    do: Callable[[RightsDesk, PatientId], Awaitable[T]],
    patient: str = "",
    *,
    reading: bool = False,
) -> T:
    """What an operator with the role for it does, with the trail of operators around it."""
    from gateway.cli.deciding import opened, prepared  # noqa: PLC0415
    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    named = _identity(patient, settings.domain.affinity_oid)
    roles = {"rights-manager", "auditor"} if reading else {"rights-manager"}

    async def done(operator: str) -> T:
        async with opened(settings, operator) as desk:
            return await do(desk, named)

    with administering(prepared(settings), roles, act) as operator:  # type: ignore[arg-type]
        return asyncio.run(done(operator.id))


def _identity(text: str, root: str) -> PatientId:
    extension, found, rest = text.partition("^^^&")
    return PatientId(extension, rest.removesuffix("&ISO") if found else root)


def _utc(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=UTC) if day is not None else None
