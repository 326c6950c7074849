"""Compiles config/policy/ into a Policy and keeps it current (habilitation matrix, rule P6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from gateway.declare.actions import Action
from gateway.errors import SettingsInvalid
from gateway.policy.model import CodeKey, Policy, Purpose, RoleRule, code_key
from gateway.policy.tomlfile import TomlFile
from gateway.record.access import HIGHEST_RANK, LOWEST_RANK
from gateway.record.people import Code, SubjectKind

FILES = ("matrix.toml", "confidentiality.toml", "settings.toml")
ENVIRONMENTS = ("integration", "preprod", "prod")
TEST_ENVIRONMENT = "integration"

_ROLE_KEYS = (
    "code", "display", "kinds", "also", "may_emergency", "rank", "needs_relation", "own_record",
    "purposes", "environments", "inherits", "may",
)  # fmt: skip
_SETTINGS_KEYS = (
    "blacklist_beats_emergency", "denied_mode", "relation", "purpose_required", "relation_days", "purposes",
)  # fmt: skip
_KINDS = tuple(kind.value for kind in SubjectKind)
_ALL = "*"


def load_policy(directory: Path, *, environment: str) -> Policy:
    """Read and compile the three files; SettingsInvalid with file and line at the first mistake."""
    return compile_policy(read_files(directory), environment=environment)


def read_files(directory: Path) -> dict[str, bytes]:
    """The octets of the three files of FILES; SettingsInvalid when one cannot be read."""
    return {name: _read(directory, name) for name in FILES}


def compile_policy(files: Mapping[str, bytes], *, environment: str) -> Policy:
    """Compile the contents of the three files of FILES for one environment; pure."""
    if environment not in ENVIRONMENTS:
        raise SettingsInvalid(f"environment must be one of: {', '.join(ENVIRONMENTS)}")
    matrix, confidentiality, settings = (TomlFile.parse(name, files[name]) for name in FILES)
    purposes = _purposes(settings)
    roles = _roles(matrix, frozenset(purpose.name for purpose in purposes.values()), environment)
    settings.only(_SETTINGS_KEYS)
    digest = sha256(b"\0".join(sha256(files[name]).digest() for name in FILES)).hexdigest()
    matrix.only(("version", "scheme", "classes", "roles"))
    return Policy(
        version=f"{matrix.string('version')}+{digest[:12]}",
        roles=MappingProxyType(roles),
        purposes=MappingProxyType(purposes),
        ranks=MappingProxyType(_ranks(confidentiality)),
        unknown_rank=confidentiality.number("unknown_rank", low=LOWEST_RANK, high=HIGHEST_RANK, default=1),
        blacklist_beats_emergency=settings.flag("blacklist_beats_emergency", default=True),
        denied_mode=settings.choice("denied_mode", among=("invisible", "explicit"), default="invisible"),
        relation_assumed=settings.choice("relation", among=("assumed", "required")) == "assumed",
        purpose_required=settings.flag("purpose_required", default=True),
        relation_days=MappingProxyType(_relation_days(settings, matrix)),
    )


class PolicySource:
    """The policy of a folder. Files are looked at when `interval` seconds have passed, never more often."""

    def __init__(
        self,
        directory: Path,
        *,
        environment: str,
        on_problem: Callable[[SettingsInvalid], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        interval: float = 1.0,
    ) -> None:
        self._directory = directory
        self._environment = environment
        self._on_problem = on_problem
        self._clock = clock
        self._interval = interval
        self._stamp = _stamp(directory)
        self._files = read_files(directory)
        self._policy = compile_policy(self._files, environment=environment)
        self._problem: SettingsInvalid | None = None
        self._due = clock() + interval

    @property
    def problem(self) -> SettingsInvalid | None:
        """Why the newest files are not in force; None when they are."""
        return self._problem

    @property
    def files(self) -> Mapping[str, bytes]:
        """The octets that the policy was compiled from."""
        return self._files

    def current(self) -> Policy:
        """The policy of the files now; the last good one while they hold a mistake."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self._interval
            self._look()
        return self._policy

    def _look(self) -> None:
        """Take changed files. A refused change must not stop the service: the old rules stay (POL-12)."""
        stamp = _stamp(self._directory)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            files = read_files(self._directory)
            self._policy = compile_policy(files, environment=self._environment)
            self._files, self._problem = files, None
        except SettingsInvalid as problem:
            self._problem = problem
            if self._on_problem is not None:
                self._on_problem(problem)


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise SettingsInvalid("the policy file cannot be read", location=f"{name}:1") from error


def _stamp(directory: Path) -> tuple[tuple[int, int, int], ...]:
    """What changes when a file does: time, size and inode of each; zeros for one that is away."""
    return tuple(_stamp_of(directory / name) for name in FILES)


def _stamp_of(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


# --- matrix.toml ---------------------------------------------------------------------------------


def _roles(matrix: TomlFile, purposes: frozenset[str], environment: str) -> dict[CodeKey, RoleRule]:
    roles: dict[CodeKey, RoleRule] = {}
    for name in matrix.table("roles"):
        rule = _role(matrix, name, purposes)
        lives = matrix.strings("roles", name, "environments", default=ENVIRONMENTS)
        if unknown := set(lives) - set(ENVIRONMENTS):
            raise matrix.refuse(f"unknown environment '{min(unknown)}'", "roles", name, "environments")
        _check_system(matrix, rule, lives)
        if environment in lives:
            _add(matrix, roles, rule)
    return roles


def _add(matrix: TomlFile, roles: dict[CodeKey, RoleRule], rule: RoleRule) -> None:
    also = matrix.strings("roles", rule.name, "also", default=())
    codes = [rule.code, *(_code(matrix, text, "roles", rule.name, "also") for text in also)]
    for key in map(code_key, codes):
        if key in roles:
            other = roles[key].name
            raise matrix.refuse(f"code '{key[1]}' already stands for role '{other}'", "roles", rule.name)
        roles[key] = rule


def _role(matrix: TomlFile, name: str, purposes: frozenset[str]) -> RoleRule:
    """One role with what it inherits; `at` finds the table that says a key, this role's or an ancestor's."""
    line = _ancestry(matrix, name)
    for each in line:
        matrix.only(_ROLE_KEYS, "roles", each)

    def at(key: str) -> tuple[str, str, str]:
        return "roles", next((each for each in line if key in matrix.table("roles", each)), name), key

    may: dict[Action, frozenset[str] | None] = {}
    for each in reversed(line):
        may.update(_may(matrix, each))
    return RoleRule(
        name=name,
        code=_own_code(matrix, name, matrix.string(*at("display"))),
        kinds=_kinds(matrix, at("kinds")),
        may=MappingProxyType(may),
        may_emergency=matrix.flag(*at("may_emergency"), default=False),
        rank=matrix.number(*at("rank"), low=LOWEST_RANK, high=HIGHEST_RANK),
        needs_relation=matrix.flag(*at("needs_relation"), default=True),
        own_record=matrix.flag(*at("own_record"), default=False),
        purposes=_role_purposes(matrix, at("purposes"), purposes),
    )


def _own_code(matrix: TomlFile, name: str, display: str) -> Code:
    return Code(matrix.string("roles", name, "code"), matrix.string("scheme"), display)


def _ancestry(matrix: TomlFile, name: str) -> list[str]:
    """The role and the roles it inherits from, nearest first; refuses circles and unknown names."""
    line = [name]
    while "inherits" in matrix.table("roles", line[-1]):
        place = ("roles", line[-1], "inherits")
        parent = matrix.string(*place)
        if parent not in matrix.table("roles"):
            raise matrix.refuse(f"role '{parent}' does not exist", *place)
        if parent in line:
            raise matrix.refuse(f"role '{parent}' inherits from itself", *place)
        line.append(parent)
    return line


def _may(matrix: TomlFile, role: str) -> dict[Action, frozenset[str] | None]:
    found: dict[Action, frozenset[str] | None] = {}
    for verb in matrix.table("roles", role, "may", required=False):
        place = ("roles", role, "may", verb)
        try:
            action = Action(verb)
        except ValueError as error:
            raise matrix.refuse(f"unknown action '{verb}'", *place) from error
        found[action] = _classes(matrix, *place)
    return found


def _classes(matrix: TomlFile, *place: str) -> frozenset[str] | None:
    codes: set[str] = set()
    for word in matrix.strings(*place):
        if word == _ALL:
            return None
        if not word.startswith("@"):
            codes.add(word)
        elif word[1:] in matrix.table("classes", required=False):
            codes.update(matrix.strings("classes", word[1:]))
        else:
            raise matrix.refuse(f"list '{word}' does not stand in [classes]", *place)
    return frozenset(codes)


def _kinds(matrix: TomlFile, place: tuple[str, ...]) -> frozenset[SubjectKind]:
    words = matrix.strings(*place)
    if not words or set(words) - set(_KINDS):
        raise matrix.refuse(f"'kinds' must name some of: {', '.join(_KINDS)}", *place)
    return frozenset(map(SubjectKind, words))


def _role_purposes(
    matrix: TomlFile, place: tuple[str, str, str], known: frozenset[str]
) -> frozenset[str] | None:
    if place[-1] not in matrix.table(*place[:-1]):
        return None
    names = frozenset(matrix.strings(*place))
    if unknown := names - known:
        raise matrix.refuse(f"purpose '{min(unknown)}' does not stand in settings.toml", *place)
    return names


def _check_system(matrix: TomlFile, rule: RoleRule, lives: tuple[str, ...]) -> None:
    """A system is decided without consent and lists, so it may read records for tests only."""
    reads = [action for action in rule.may if action.of_record and not action.writes]
    if SubjectKind.NODE in rule.kinds and reads and lives != (TEST_ENVIRONMENT,):
        message = f"a system role that may '{reads[0].code}' must be limited to {TEST_ENVIRONMENT}"
        raise matrix.refuse(message, "roles", rule.name, "may", reads[0].code)


def _code(file: TomlFile, text: str, *place: str) -> Code:
    code, separator, scheme = text.partition("^^")
    if not (code and separator and scheme):
        raise file.refuse(f"'{text}' must read code^^scheme", *place)
    return Code(code, scheme)


# --- confidentiality.toml and settings.toml ------------------------------------------------------


def _ranks(file: TomlFile) -> dict[CodeKey, int]:
    file.only(("unknown_rank", "schemes"))
    return {
        code_key(Code(code, scheme)): file.number("schemes", scheme, code, low=LOWEST_RANK, high=HIGHEST_RANK)
        for scheme in file.table("schemes")
        for code in file.table("schemes", scheme)
    }


def _relation_days(settings: TomlFile, matrix: TomlFile) -> dict[str, int]:
    days: dict[str, int] = {"default": settings.number("relation_days", "default", low=1, high=3660)}
    for role in settings.table("relation_days"):
        if role != "default" and role not in matrix.table("roles"):
            raise settings.refuse(f"role '{role}' does not exist", "relation_days", role)
        days[role] = settings.number("relation_days", role, low=1, high=3660)
    return days


def _purposes(settings: TomlFile) -> dict[CodeKey, Purpose]:
    found: dict[CodeKey, Purpose] = {}
    for name in settings.table("purposes"):
        place = ("purposes", name)
        settings.only(("scheme", "also", "emergency"), *place)
        purpose = Purpose(name=name, emergency=settings.flag(*place, "emergency", default=False))
        also = settings.strings(*place, "also", default=())
        codes = [Code(name, settings.string(*place, "scheme"))]
        codes += [_code(settings, text, *place, "also") for text in also]
        for key in map(code_key, codes):
            if key in found:
                raise settings.refuse(f"code '{key[1]}' stands for two purposes", *place)
            found[key] = purpose
    return found
