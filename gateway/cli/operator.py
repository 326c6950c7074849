"""`passerelle operator`: directory and second factor; and who acts, for commands that administer."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import orjson
import typer

from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.errors import GatewayError, OperatorRefused, SettingsInvalid

if TYPE_CHECKING:
    from gateway.config import OperatorRole
    from gateway.identity.operators import Operator, OperatorDesk
    from gateway.stores.operators import OperatorStore

app = typer.Typer(no_args_is_help=True)

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of the installation.")]
LoginName = Annotated[str, typer.Argument(help="Login in the directory of operators.")]
_DEFAULT = Path("passerelle.toml")
T = TypeVar("T")
SESSION_VARIABLE = "PASSERELLE_SESSION"


# --- for every command that administers ----------------------------------------------------------


def acting_operator(
    settings: Settings,
    session: Path | None,
    needed: OperatorRole | Collection[OperatorRole],
    *,
    act: str = "",
) -> Operator:
    """Who administers now, with the role `needed` (one of them is enough).

    `session` is a session file; None for the one that `passerelle operator login` writes. `act` says what is
    about to be done, for the operators' trail: names and numbers, never patients' data. OperatorRefused
    without an open session or without the role. Where no [operators] are configured, which only integration
    may do, it is the user of this machine, noted as such. Not to be called inside an event loop.
    """
    roles = frozenset({needed} if isinstance(needed, str) else needed)
    return _at_desk(settings, lambda desk, _: _acting(settings, session, roles, act, desk))


@contextmanager
def administering(
    settings: Settings,
    needed: OperatorRole | Collection[OperatorRole],
    act: str,
    session: Path | None = None,
) -> Iterator[Operator]:
    """As `acting_operator`, around what is done: that it failed stands in the trail too."""
    operator = acting_operator(settings, session, needed, act=act)
    try:
        yield operator
    except (GatewayError, OSError) as error:
        failure: Exception = error
        _at_desk(settings, lambda desk, _: desk.act(act, operator, "", failure))
        raise


async def _acting(
    settings: Settings, session: Path | None, needed: frozenset[str], act: str, desk: OperatorDesk
) -> Operator:
    role = " or ".join(sorted(needed))
    operator = await _known(settings, session, desk)
    if operator.roles & needed:
        await desk.act(act, operator, role)
        return operator
    text = f"this needs the role {role}, which {operator.login} does not have here"
    error = OperatorRefused(text, reason="role missing")
    await desk.act(act, operator, role, error)
    raise error


async def _known(settings: Settings, session: Path | None, desk: OperatorDesk) -> Operator:
    if settings.operators.configured:
        token = read_session(session or session_file(settings), settings.environment)
        return (await desk.who(token, here())).operator
    if settings.environment != "integration":
        raise OperatorRefused(
            f"administering needs [operators] to be configured in {settings.environment}",
            reason="no directory of operators",
        )
    return _of_machine(settings)


def _of_machine(settings: Settings) -> Operator:
    from gateway.config.operators import ROLES  # noqa: PLC0415
    from gateway.identity.operators import Operator, Source  # noqa: PLC0415

    return Operator(
        login=machine_user(),
        source=Source.MACHINE,
        environment=settings.environment,
        roles=frozenset(ROLES),
    )


def machine_user() -> str:
    """The user this process runs as, by the machine's own account."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"


def here() -> str:
    """The source of what is done by a command."""
    return f"machine:{machine_user()}"


# --- the session file ----------------------------------------------------------------------------


def session_file(settings: Settings) -> Path:
    """Where the session of this person and installation is kept, unless PASSERELLE_SESSION names a file."""
    named = os.environ.get(SESSION_VARIABLE)
    if named:
        return Path(named)
    place = sha256(str(settings.folder).encode()).hexdigest()[:8]
    person = os.environ.get("SUDO_USER") or machine_user()
    return Path.home() / ".passerelle" / f"session-{settings.environment}-{place}-{person}"


def write_session(path: Path, environment: str, token: str, expires: datetime) -> None:
    """Keeps a session for its owner only."""
    from gateway.crypto.pki import write_secret  # noqa: PLC0415

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    kept = {"environment": environment, "token": token, "expires": expires.isoformat()}
    write_secret(path, orjson.dumps(kept))


def read_session(path: Path, environment: str) -> str:
    """The token of a session file; OperatorRefused when there is none for this environment."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SettingsInvalid("is open to group or others; log in again", location=str(path))
            kept = orjson.loads(file.read())
        token, made = str(kept["token"]), str(kept["environment"])
    except FileNotFoundError:
        raise OperatorRefused("log in first: passerelle operator login", reason="no session file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsInvalid("is no session file", location=str(path)) from error
    if made != environment:
        text = f"the session is of {made}, but this is {environment}"
        raise OperatorRefused(text, reason="session of another environment")
    return token


# --- commands ------------------------------------------------------------------------------------


@app.command()
def enrol(login: LoginName, config: ConfigFile = _DEFAULT) -> None:
    """Enrol a first second factor, with the password of the directory; its address is shown once."""
    from gateway.identity.operators import Login  # noqa: PLC0415

    settings = _configured(config)
    given = Login(login, typer.prompt("Password", hide_input=True), "", here())
    print(_at_desk(settings, lambda desk, _: desk.enrol(given)))


@app.command("login")
def log_in(login: LoginName, config: ConfigFile = _DEFAULT) -> None:
    """Log in with password and one-time code; the session is kept in a file of yours."""
    from gateway.identity.operators import Login  # noqa: PLC0415

    settings = _configured(config)
    password = typer.prompt("Password", hide_input=True)
    given = Login(login, password, typer.prompt("Code", hide_input=True), here())
    session = _at_desk(settings, lambda desk, _: desk.login(given))
    write_session(session_file(settings), settings.environment, session.token, session.expires)
    roles = ", ".join(sorted(session.operator.roles))
    print(f"{session.operator.login} in {settings.environment} until {session.expires:%H:%M} UTC: {roles}")


@app.command("logout")
def log_out(config: ConfigFile = _DEFAULT) -> None:
    """End the session, everywhere."""
    settings = _configured(config)
    path = session_file(settings)
    token = read_session(path, settings.environment)
    path.unlink()
    _at_desk(settings, lambda desk, _: desk.logout(token, here()))
    print("logged out")


@app.command("list")
def list_operators(config: ConfigFile = _DEFAULT) -> None:
    """List who has a second factor here, and who is logged in."""
    settings = load_settings(config)
    acting_operator(settings, None, {"security-officer", "auditor"}, act="operator list")
    for login, since, sessions in _at_desk(settings, lambda _, store: _listed(store)):
        state = "; ".join(sessions) or "not logged in"
        print(f"{login:24} enrolled {since:%Y-%m-%d}  {state}")


async def _listed(store: OperatorStore) -> list[tuple[str, datetime, list[str]]]:
    now = datetime.now(UTC)
    open_now = await store.sessions(int(now.timestamp() * 1_000))
    return [
        (
            login,
            datetime.fromtimestamp(at / 1_000, UTC),
            [f"{each.roles} from {each.source}" for each in open_now if each.login == login],
        )
        for login, at in await store.enrolled()
    ]


@app.command()
def reset(login: LoginName, config: ConfigFile = _DEFAULT) -> None:
    """Take a lost second factor away and end the sessions; the operator enrols again."""
    settings = load_settings(config)
    with administering(settings, "security-officer", f"operator reset {login}") as operator:
        _at_desk(settings, lambda desk, _: desk.reset(login, operator))
    print(f"{login} has no second factor any more")


@app.command()
def end(login: LoginName, config: ConfigFile = _DEFAULT) -> None:
    """End every session of an operator at once."""
    settings = load_settings(config)
    with administering(settings, "security-officer", f"operator end {login}") as operator:
        _at_desk(settings, lambda desk, _: desk.end(login, operator))
    print(f"sessions of {login} are ended")


@app.command()
def revoke(
    login: LoginName,
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    config: ConfigFile = _DEFAULT,
) -> None:
    """Shut an operator out at once, whatever the directory says."""
    settings = load_settings(config)
    with administering(settings, "security-officer", f"operator revoke {login}") as operator:
        _at_desk(settings, lambda desk, _: desk.revoke(login, reason, operator))
    print(f"{login} is shut out")


@app.command()
def lift(login: LoginName, config: ConfigFile = _DEFAULT) -> None:
    """Let an operator in again."""
    settings = load_settings(config)
    with administering(settings, "security-officer", f"operator lift {login}") as operator:
        _at_desk(settings, lambda desk, _: desk.lift(login, operator))
    print(f"{login} is let in again")


@app.command()
def trail(config: ConfigFile = _DEFAULT) -> None:
    """Print the operators' trail, oldest first."""
    settings = load_settings(config)
    acting_operator(settings, None, "auditor", act="operator trail")
    for line in _at_desk(settings, lambda _, store: store.lines()):
        print(line)


def _configured(config: Path) -> Settings:
    settings = load_settings(config)
    if not settings.operators.configured:
        raise SettingsInvalid("no [operators] are configured here", location=str(config))
    return settings


def _at_desk(settings: Settings, job: Callable[[OperatorDesk, OperatorStore], Awaitable[T]]) -> T:
    """What comes of one question to the desk or its store."""
    from gateway.cli.operatordesk import opened  # noqa: PLC0415

    async def asked() -> T:
        async with opened(settings) as (desk, store):
            return await job(desk, store)

    return asyncio.run(asked())
