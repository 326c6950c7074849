"""`passerelle identity`: the review queue, the history of identities, undoing; and renewing the index."""

from __future__ import annotations

import asyncio
from enum import StrEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.calls import ConfigFile

if TYPE_CHECKING:
    from gateway.cli.partner import Acting

app = typer.Typer(no_args_is_help=True)
_DEFAULT = Path("passerelle.toml")
_PARTNER, _ROLE = "identity-desk", "identity-manager"

DeskPartner = Annotated[str, typer.Option("--partner", help="Enrolled partner whose certificate is used.")]
User = Annotated[
    str, typer.Option("--as", help="The acting person; a second one confirms what the first proposed.")
]
Reason = Annotated[str, typer.Option(help="Why; those who look at it later will read it.")]


@unique
class State(StrEnum):
    """Of a review."""

    OPEN = "open"
    PROPOSED = "proposed"
    DECIDED = "decided"
    OBSOLETE = "obsolete"


@unique
class Outcome(StrEnum):
    """What people say of a review."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


_STATUSES = {
    State.OPEN: "requested",
    State.PROPOSED: "in-progress",
    State.DECIDED: "completed",
    State.OBSOLETE: "cancelled",
}


@app.command()
def reviews(
    state: Annotated[
        list[State] | None, typer.Option(help="Only these; default what waits: open and proposed.")
    ] = None,
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """List the questions that matching left to people; nothing of any patient is in it."""
    from gateway.cli.desk import show_reviews  # noqa: PLC0415

    wanted = [_STATUSES[each] for each in state or (State.OPEN, State.PROPOSED)]
    show_reviews(asyncio.run(_acting(config, partner, user).reviews(wanted)))


@app.command()
def review(
    number: Annotated[str, typer.Argument(help="Number of the review, from the list.")],
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Show one question with both sides, as their sources told them."""
    from gateway.cli.desk import show_review  # noqa: PLC0415

    show_review(asyncio.run(_acting(config, partner, user).review(number)))


@app.command()
def decide(
    number: Annotated[str, typer.Argument(help="Number of the review.")],
    outcome: Annotated[Outcome, typer.Argument(help="One human being, two, or not to be told now.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Propose an outcome, or confirm what another person proposed; only then it takes effect."""
    from gateway.cli.desk import told_of  # noqa: PLC0415

    task = asyncio.run(_acting(config, partner, user).decide(number, outcome.value, reason))
    print(told_of(task))


@app.command()
def history(
    who: Annotated[
        str,
        typer.Argument(help="id^^^&OID&ISO, system|value, Patient/<id>, or an id of the affinity domain."),
    ],
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Show every operation that made a person what it is, the oldest first."""
    from gateway.cli.desk import show_history  # noqa: PLC0415

    show_history(asyncio.run(_acting(config, partner, user).history(who)))


@app.command()
def undo(
    operation: Annotated[str, typer.Argument(help="Number of the operation, from the history.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
    partner: DeskPartner = _PARTNER,
    user: User = "",
) -> None:
    """Take an operation back: every identity is what it was before, or nothing is changed."""
    done = asyncio.run(_acting(config, partner, user).undo(operation, reason))
    print(f"operation {operation} is undone, by operation {done['id']}")
    print(f"{len(done['target'])} identities moved")


@app.command()
def reindex(
    config: ConfigFile = _DEFAULT,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was written in today's form: after other settings.")
    ] = False,
) -> None:
    """Renew traits and tokens that were written in an older form; the server may run meanwhile."""
    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.reindexing import reindexed  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415
    from gateway.stores.marker import ready  # noqa: PLC0415

    settings = load_settings(config)
    ready(settings.database.url, settings.environment)
    with administering(settings, "identity-manager", "identity reindex"):
        told = asyncio.run(reindexed(settings, everything=everything))
    left = f", {told.outdated} changed meanwhile: run it again" if told.outdated else ""
    print(f"{told.seen} identities looked at, {told.renewed} renewed{left}")
    raise typer.Exit(1 if told.outdated else 0)


def _acting(config: Path, partner: str, user: str) -> Acting:
    from gateway.cli.partner import Acting  # noqa: PLC0415

    return Acting.of(config, partner, _ROLE, user)
