"""`passerelle policy`: check, show, compare, simulate and explain the rights policy; change it as two."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli.calls import ConfigFile

if TYPE_CHECKING:
    from gateway.cli.policyroom import Change, PolicyRoom
    from gateway.config import OperatorRole
    from gateway.policy.explain import Explanation
    from gateway.policy.manifest import Manifest

app = typer.Typer(no_args_is_help=True)
T = TypeVar("T")
_DEFAULT = Path("passerelle.toml")

User = Annotated[
    str, typer.Option("--as", help="Who is acting, where no operators are configured; else who is logged in.")
]
Reason = Annotated[str, typer.Option(help="Why; who approves it and who looks at it later will read it.")]
Number = Annotated[int, typer.Argument(help="Number of the version, from the history.")]


@app.command()
def check(
    folder: Annotated[Path | None, typer.Argument(help="Default the folder of the configuration.")] = None,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Say whether a policy could be used here; name file, line and reason otherwise."""
    from gateway.cli.settings import load_settings  # noqa: PLC0415
    from gateway.policy.matrix import load_policy  # noqa: PLC0415
    from gateway.policy.words import roles_by_name  # noqa: PLC0415

    settings = load_settings(config)
    found = load_policy(folder or settings.policy.directory, environment=settings.environment)
    print(f"policy {found.version}: usable for {settings.environment}, {len(roles_by_name(found))} roles")


@app.command()
def show(
    role: Annotated[list[str] | None, typer.Option(help="Only these roles.")] = None,
    version: Annotated[
        str, typer.Option(help="A number, a name or a folder; default what is in force.")
    ] = "current",
    config: ConfigFile = _DEFAULT,
) -> None:
    """Show who may do what with which classes of documents."""
    from gateway.cli.policyscreen import show_matrix  # noqa: PLC0415

    show_matrix(_in_room(config, lambda room: room.policy(version)), role or [])


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A folder, number or name; current is what is in force.")],
    after: Annotated[str, typer.Argument(help="The other one.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Say in words what another policy would change; exit code 1 if anything."""
    from gateway.policy.words import changes_between  # noqa: PLC0415

    async def both(room: PolicyRoom) -> list[str]:
        return changes_between(await room.policy(before), await room.policy(after))

    told = _in_room(config, both)
    print("\n".join(told) or "no difference")
    raise typer.Exit(1 if told else 0)


@app.command()
def simulate(
    after: Annotated[str, typer.Argument(help="A folder, number or name.")],
    before: Annotated[str, typer.Option(help="What it would replace; default what is in force.")] = "current",
    config: ConfigFile = _DEFAULT,
) -> None:
    """Count the documents that a policy would show or hide, by role; none of them is shown."""
    from gateway.cli.operator import acting_operator  # noqa: PLC0415
    from gateway.cli.policyscreen import show_effects  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    act = f"policy simulate {after}"
    acting_operator(load_settings(config), None, {"policy-editor", "policy-approver"}, act=act)
    show_effects(*_in_room(config, lambda room: room.simulated(before, after)))


@app.command()
def propose(
    folder: Annotated[Path, typer.Argument(help="The files of the new policy.")],
    reason: Reason,
    config: ConfigFile = _DEFAULT,
    user: User = "",
) -> None:
    """Propose a policy; it takes effect when another person activates it."""
    from gateway.policy.matrix import read_files  # noqa: PLC0415

    found = _change(
        config,
        ("policy-editor", "policy propose"),
        user,
        lambda desk, work, actor: desk.propose(work, read_files(folder), actor, reason, _now()),
    )
    print(f"version {found.number}, policy {found.version}, is proposed; another person must activate it")


@app.command()
def activate(number: Number, config: ConfigFile = _DEFAULT, user: User = "") -> None:
    """Put a proposed version in force; not by the one who proposed it. Servers follow within a second."""
    found = _change(
        config,
        ("policy-approver", f"policy activate {number}"),
        user,
        lambda desk, work, actor: desk.activate(work, number, actor, _now()),
    )
    print(f"policy {found.version} is in force, as version {found.number}")


@app.command()
def rollback(number: Number, reason: Reason, config: ConfigFile = _DEFAULT, user: User = "") -> None:
    """Propose the way back to a version that was in force; another person activates it."""
    found = _change(
        config,
        ("policy-editor", f"policy rollback {number}"),
        user,
        lambda desk, work, actor: desk.propose_again(work, number, actor, reason, _now()),
    )
    print(f"version {found.number}, policy {found.version} once more, is proposed; another must activate it")


@app.command()
def history(config: ConfigFile = _DEFAULT) -> None:
    """List every version with who proposed and who approved it; exit code 1 if one does not hold."""
    from gateway.cli.policyscreen import show_history  # noqa: PLC0415

    raise typer.Exit(0 if show_history(_in_room(config, lambda room: room.archive.history())) else 1)


@app.command()
def explain(
    who: Annotated[str, typer.Option(help="Identifier of the person.")] = "",
    role: Annotated[str, typer.Option(help="Role, by its name in the matrix.")] = "",
    action: Annotated[str, typer.Option(help="As in the matrix, such as document:read.")] = "document:read",
    patient: Annotated[str, typer.Option(help="id^^^&OID&ISO, or an id of the affinity domain.")] = "",
    organisation: Annotated[str, typer.Option(help="OID of the organisation the person acts for.")] = "",
    purpose: Annotated[str, typer.Option(help="Purpose of use, by its name.")] = "TREAT",
    document: Annotated[list[str] | None, typer.Option(help="uniqueId of a document; repeat.")] = None,
    document_class: Annotated[
        list[str] | None, typer.Option("--class", help="Class code of a document to be published; repeat.")
    ] = None,
    at: Annotated[datetime | None, typer.Option(help="At this time in the past (UTC); default now.")] = None,
    trace: Annotated[str, typer.Option(help="A decision that was made; nothing else is asked then.")] = "",
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Claim an emergency, with a reason.")
    ] = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Explain one decision: every rule, and which entry of which file or which consent settled it."""
    from gateway.cli.explaining import Wanted, explained, explained_of, instant  # noqa: PLC0415
    from gateway.cli.operator import acting_operator  # noqa: PLC0415
    from gateway.cli.policyscreen import show_explained  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    act = f"policy explain {trace}".strip()
    operator = acting_operator(load_settings(config), None, {"auditor", "security-officer"}, act=act)
    documents = tuple(document or ())
    wanted = Wanted(
        who=who,
        role=role,
        action=action,
        patient=patient,
        organisation=organisation,
        purpose=purpose,
        documents=documents,
        classes=tuple(document_class or ()),
        emergency=emergency,
        at=instant(at),
    )

    async def told(room: PolicyRoom) -> list[Explanation]:
        if trace:
            return await explained_of(room, trace, documents, operator.id)
        return await explained(room, wanted, operator.id)

    show_explained(_in_room(config, told))


@app.command()
def replay(
    trace: Annotated[str, typer.Option(help="Only this exchange.")] = "",
    since: Annotated[datetime | None, typer.Option(help="Only decisions since then (UTC).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many exchanges, oldest first.")] = 1_000,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Decide again what was decided, on the inputs of then. Exit code 1: one differs; 3: one cannot be."""
    from gateway.cli.operator import acting_operator  # noqa: PLC0415
    from gateway.cli.policyscreen import show_replayed  # noqa: PLC0415
    from gateway.cli.replaying import replayed  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    acting_operator(settings, None, {"auditor", "security-officer"}, act=f"policy replay {trace}".strip())
    begin = (since or datetime.fromtimestamp(0)).replace(tzinfo=UTC)  # noqa: DTZ006 - the zone is set here
    raise typer.Exit(show_replayed(_in_room(config, lambda room: replayed(room, trace, begin, limit))))


def _change(config: Path, needed: tuple[OperatorRole, str], user: str, change: Change) -> Manifest:
    """A change by whoever administers now: role and act for the operators' trail."""
    from gateway.cli.operator import administering  # noqa: PLC0415
    from gateway.cli.policyroom import acting_as, ready  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    settings = ready(load_settings(config))
    with administering(settings, *needed) as operator:
        actor = acting_as(settings, operator, user)
        return _in_room(config, lambda room: room.change(change, actor))


def _in_room(config: Path, work: Callable[[PolicyRoom], Awaitable[T]]) -> T:
    from gateway.cli.policyroom import opened, ready  # noqa: PLC0415
    from gateway.cli.settings import load_settings  # noqa: PLC0415

    async def worked() -> T:
        async with opened(settings) as room:
            return await work(room)

    settings = ready(load_settings(config))
    return asyncio.run(worked())


def _now() -> datetime:
    return datetime.now(UTC)
