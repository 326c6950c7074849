"""`passerelle emergency`: the review queue of emergency accesses, and figures about them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.calls import ConfigFile

if TYPE_CHECKING:
    from gateway.cli.partner import Acting
    from gateway.config import Settings
    from gateway.rights.counting import Figures

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
_PARTNER, _ROLE = "privacy-desk", "data-protection-officer"

DeskPartner = Annotated[str, typer.Option("--partner", help="Enrolled partner whose certificate is used.")]
User = Annotated[str, typer.Option("--as", help="The acting person.")]
Task = Mapping[str, Any]


@unique
class Outcome(StrEnum):
    """What the review says of an emergency access."""

    ACCEPTED = "accepted"
    ABUSE = "abuse"


@app.command("list")
def list_emergencies(
    judged: Annotated[
        bool, typer.Option("--judged", help="Those that were judged, instead of those that wait.")
    ] = False,
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """List emergency accesses, the oldest first; nothing of any patient is in it."""
    statuses = ["completed" if judged else "requested"]
    tasks = asyncio.run(_acting(config, partner, user).emergencies(statuses))
    for each in tasks:
        told = _inputs(each)
        mark = "overdue" if "businessStatus" in each else _outcome(each)
        print(f"{each['id']}  {each['authoredOn'][:16]}  {mark:8}  {told['person'][0]}")
        print(f"  {told.get('role', ['-'])[0]}, {told.get('organisation', ['-'])[0]}")
    print(f"{len(tasks)} emergency accesses")


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="Number of the emergency access, from the list.")],
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Show one with the patient, the reason, and every request."""
    task = asyncio.run(_acting(config, partner, user).emergency(number))
    patient = task["for"]["identifier"]
    print(f"{task['id']}  {_outcome(task)}{', overdue' if 'businessStatus' in task else ''}")
    print(f"  patient: {patient['system']}|{patient['value']}")
    for name, values in _inputs(task).items():
        for value in values:
            print(f"  {name}: {value}")
    print(f"  to be judged until: {task['restriction']['period']['end']}")
    for each in task.get("output", ()):
        if "valueString" in each:
            print(f"  {each['type']['text']}: {each['valueString']}")
    for note in task.get("note", ()):
        print(f"  {note['time'][:16]}  {note['authorString']}  {note['text']}")


@app.command()
def decide(
    number: Annotated[str, typer.Argument(help="Number of the emergency access.")],
    outcome: Annotated[Outcome, typer.Argument(help="Justified, or not.")],
    reason: Annotated[str, typer.Option(help="Why; those who look at it later will read it.")],
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Judge one; who used it cannot be shut out by this, but by a revocation."""
    task = asyncio.run(_acting(config, partner, user).judge_emergency(number, outcome.value, reason))
    print(f"emergency access {task['id']}: {_outcome(task)}")


@app.command()
def statistics(
    config: ConfigFile = _DEFAULT,
    days: Annotated[int, typer.Option(help="How far back.", min=1, max=3660)] = 365,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Count by organisation, role and month, from the record itself; no patient, no person is in it."""
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    show_figures(asyncio.run(_figures(load_settings(config), days)), as_json=json)


def show_figures(found: Sequence[Figures], *, as_json: bool) -> None:
    """Lines of 80 columns, or JSON."""
    if as_json:
        import orjson  # noqa: PLC0415

        print(orjson.dumps(found).decode())
        return
    print(f"{'organisation':24}{'role':20}{'month':9}{'all':>5}{'ok':>5}{'abuse':>6}{'wait':>5}{'late':>5}")
    for each in found:
        print(
            f"{each.organisation:24}{each.role:20}{each.month:9}{each.total:5}{each.accepted:5}"
            f"{each.abuse:6}{each.waiting:5}{each.overdue:5}"
        )
    print(f"{sum(each.total for each in found)} emergency accesses")


async def _figures(settings: Settings, days: int) -> list[Figures]:
    from gateway.crypto.envelope import KeyTree  # noqa: PLC0415
    from gateway.rights.counting import figures  # noqa: PLC0415
    from gateway.stores.database import open_database  # noqa: PLC0415
    from gateway.stores.emergencies import EmergencyStore  # noqa: PLC0415
    from gateway.stores.keys import key_maker  # noqa: PLC0415

    now, database = datetime.now(UTC), open_database(settings.database.url)
    try:
        store = EmergencyStore(database, KeyTree.at(settings.content.master_key), key_maker())
        return figures(await store.counted(now - timedelta(days=days)), now)
    finally:
        await database.close()


def _inputs(task: Task) -> dict[str, list[str]]:
    """Texts and periods of a Task by name."""
    found: dict[str, list[str]] = {}
    for each in task["input"]:
        period = each.get("valuePeriod", {})
        value = each.get("valueString", f"{period.get('start')} to {period.get('end')}")
        found.setdefault(each["type"]["text"], []).append(value)
    return found


def _outcome(task: Task) -> str:
    outcomes = [each["valueCode"] for each in task.get("output", ()) if "valueCode" in each]
    return str(outcomes[0]) if outcomes else "waiting"


def _acting(config: Path, partner: str, user: str) -> Acting:
    from gateway.cli.partner import Acting  # noqa: PLC0415

    return Acting.of(config, partner, _ROLE, user)
