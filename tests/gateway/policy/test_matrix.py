"""The shipped policy, every kind of mistake in a policy file, and the reload."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.declare.actions import Action
from gateway.errors import SettingsInvalid
from gateway.policy.matrix import FILES, PolicySource, compile_policy, load_policy
from gateway.policy.model import Policy
from gateway.record.people import Code, SubjectKind

FOLDER = Path(__file__).parents[3] / "config" / "policy"
SHIPPED = {name: (FOLDER / name).read_bytes() for name in FILES}
HL7 = "2.16.840.1.113883.5.25"


def role(policy: Policy, code: str) -> str | None:
    found = policy.roles.get(("2.999.1.1", code))
    return None if found is None else found.name


def changed(name: str, old: str, new: str) -> dict[str, bytes]:
    text = SHIPPED[name].decode()
    assert text.count(old) >= 1
    return {**SHIPPED, name: text.replace(old, new, 1).encode()}


def line_of(files: dict[str, bytes], name: str, part: str) -> str:
    lines = files[name].decode().splitlines()
    number = next(at for at, line in enumerate(lines, start=1) if part in line)
    return f"{name}:{number}"


# --- the shipped policy --------------------------------------------------------------------------


def test_the_shipped_roles(policy: Policy) -> None:
    expected = {
        "PHYSICIAN": "physician",
        "NURSE": "nurse",
        "MIDWIFE": "midwife",
        "PHARMACIST": "pharmacist",
        "LABORATORY": "laboratory",
        "PAT": "patient",
        "REPRESENTATIVE": "representative",
        "AUDITOR": "auditor",
        "NODE": "node:hospital-feed",
        "TESTER": "node:tester",
    }
    assert {code: role(policy, code) for code in expected} == expected


def test_the_tester_exists_in_integration_only() -> None:
    for environment in ("preprod", "prod"):
        policy = load_policy(FOLDER, environment=environment)
        assert role(policy, "TESTER") is None
        assert role(policy, "NODE") == "node:hospital-feed"


@pytest.mark.parametrize("environment", ["preprod", "prod"])
def test_no_system_reads_a_record_outside_integration(environment: str) -> None:
    policy = load_policy(FOLDER, environment=environment)
    systems = [rule for rule in policy.roles.values() if SubjectKind.NODE in rule.kinds]
    assert systems
    assert not [a for rule in systems for a in rule.may if a.of_record and not a.writes]


def test_only_the_patient_gives_mandates_and_only_administrators_remove(policy: Policy) -> None:
    holders = {rule.name for rule in policy.roles.values() if Action.MANDATE_GIVE in rule.may}
    removers = {rule.name for rule in policy.roles.values() if Action.DOCUMENT_REMOVE in rule.may}
    assert (holders, removers) == ({"patient"}, {"node:tester", "records-administrator"})


def test_a_role_takes_what_it_inherits(policy: Policy) -> None:
    midwife, nurse = (policy.roles["2.999.1.1", code] for code in ("MIDWIFE", "NURSE"))
    assert (midwife.may, midwife.kinds, midwife.rank) == (nurse.may, nurse.kinds, nurse.rank)
    assert midwife.code != nurse.code


def test_lists_of_classes_are_written_out(policy: Policy) -> None:
    may = policy.roles["2.999.1.1", "LABORATORY"].may
    assert may[Action.DOCUMENT_READ] == {"11502-2", "26436-6"}
    assert policy.roles["2.999.1.1", "PHYSICIAN"].may[Action.DOCUMENT_READ] is None


@pytest.mark.parametrize(
    ("codes", "rank"),
    [
        ([("N", HL7)], 1),
        ([("R", HL7)], 2),
        ([("V", HL7)], 3),
        ([("V", f"urn:oid:{HL7}")], 3),
        ([("N", HL7), ("R", HL7)], 2),
        ([("X", HL7)], 1),
        ([("V", "2.999.77")], 1),
        ([], 1),
    ],
)
def test_confidentiality_as_ranks(policy: Policy, codes: list[tuple[str, str]], rank: int) -> None:
    assert policy.rank_of(Code(code, scheme) for code, scheme in codes) == rank


def test_the_rank_of_the_unknown_is_configuration() -> None:
    files = changed("confidentiality.toml", "unknown_rank = 1", "unknown_rank = 3")
    policy = compile_policy(files, environment="prod")
    assert policy.rank_of([Code("X", HL7)]) == policy.rank_of([]) == 3
    assert policy.rank_of([Code("N", HL7)]) == 1


def test_days_of_a_relation(policy: Policy) -> None:
    assert (policy.days_of_relation("pharmacist"), policy.days_of_relation("physician")) == (3, 90)


def test_the_shipped_switches(policy: Policy) -> None:
    assert policy.blacklist_beats_emergency
    assert policy.denied_mode == "invisible"
    assert policy.relation_assumed
    assert policy.purpose_required


def test_the_version_names_the_exact_files(policy: Policy) -> None:
    assert policy.version.startswith("2026.1+")
    assert policy.version == compile_policy(SHIPPED, environment="integration").version
    other = changed("settings.toml", "default = 90", "default = 91")
    assert compile_policy(other, environment="integration").version != policy.version


# --- POL-12 and other mistakes -------------------------------------------------------------------

MISTAKES = [
    (
        "matrix.toml",
        '"document:update" = ["*"]',
        '"document:shred" = ["*"]',
        "unknown action 'document:shred'",
    ),
    ("matrix.toml", 'inherits = "nurse"', 'inherits = "sister"', "role 'sister' does not exist"),
    ("matrix.toml", 'inherits = "nurse"', 'inherits = "midwife"', "role 'midwife' inherits from itself"),
    ("matrix.toml", "needs_relation = true", "needs_relations = true", "unknown key 'needs_relations'"),
    ("matrix.toml", 'version = "2026.1"', 'edition = "2026.1"', "unknown key 'edition'"),
    ("matrix.toml", "rank = 1", "rank = 4", "'rank' must be a whole number from 1 to 3"),
    ("matrix.toml", "rank = 1", "rank = true", "'rank' must be a whole number from 1 to 3"),
    ("matrix.toml", 'kinds = ["professional"]', 'kinds = ["doctor"]', "'kinds' must name some of"),
    ("matrix.toml", 'kinds = ["professional"]', "kinds = []", "'kinds' must name some of"),
    (
        "matrix.toml",
        '["@laboratory"]',
        '["@laboratories"]',
        "list '@laboratories' does not stand in [classes]",
    ),
    ("matrix.toml", 'code = "NURSE"', 'code = "PHYSICIAN"', "code 'PHYSICIAN' already stands for"),
    ("matrix.toml", "2262^^2.16", "2262:2.16", "must read code^^scheme"),
    ("matrix.toml", 'purposes = ["TREAT"]', 'purposes = ["FUN"]', "purpose 'FUN' does not stand in settings"),
    (
        "matrix.toml",
        'environments = ["integration"]',
        'environments = ["moon"]',
        "unknown environment 'moon'",
    ),
    ("matrix.toml", 'environments = ["integration"]', "", "must be limited to integration"),
    ("matrix.toml", "may_emergency = true", 'may_emergency = "yes"', "'may_emergency' must be true or false"),
    ("settings.toml", 'relation = "assumed"', 'relation = "hoped"', "'relation' must be one of"),
    ("settings.toml", 'denied_mode = "invisible"', "denied_mode = 3", "'denied_mode' must be a text"),
    ("settings.toml", "pharmacist = 3", "apothecary = 3", "role 'apothecary' does not exist"),
    ("settings.toml", "default = 90", "default = 0", "'default' must be a whole number from 1 to 3660"),
    ("settings.toml", "\nemergency = true", "\nemergencies = true", "unknown key 'emergencies'"),
    (
        "settings.toml",
        "BTG^^2.16.840.1.113883.5.8",
        "TREAT^^2.16.840.1.113883.5.8",
        "stands for two purposes",
    ),
    ("confidentiality.toml", "R = 2", "R = 0", "'R' must be a whole number from 1 to 3"),
    ("confidentiality.toml", "unknown_rank", "unknown_ranks", "unknown key 'unknown_ranks'"),
]


@pytest.mark.parametrize(("name", "old", "new", "message"), MISTAKES)
def test_pol_12_a_mistake_is_named_with_file_and_line(name: str, old: str, new: str, message: str) -> None:
    files = changed(name, old, new)
    with pytest.raises(SettingsInvalid) as caught:
        compile_policy(files, environment="integration")
    assert message in caught.value.detail
    assert caught.value.location is not None
    file, _, line = caught.value.location.partition(":")
    assert file == name
    assert line.isdigit()


@pytest.mark.parametrize(
    ("name", "old", "new", "part"),
    [
        ("matrix.toml", '"document:update" = ["*"]', '"document:shred" = ["*"]', "document:shred"),
        ("matrix.toml", 'inherits = "nurse"', 'inherits = "sister"', "sister"),
        ("settings.toml", 'relation = "assumed"', 'relation = "hoped"', '"hoped"'),
        ("settings.toml", "pharmacist = 3", "apothecary = 3", "apothecary"),
        ("confidentiality.toml", "R = 2", "R = 0", "R = 0"),
        ("settings.toml", "purpose_required = true", "purpose_required = maybe", "maybe"),
    ],
)
def test_the_line_is_the_right_one(name: str, old: str, new: str, part: str) -> None:
    files = changed(name, old, new)
    with pytest.raises(SettingsInvalid) as caught:
        compile_policy(files, environment="integration")
    assert caught.value.location == line_of(files, name, part)


def test_a_longer_circle_of_inheritance() -> None:
    text = SHIPPED["matrix.toml"].decode().replace("[roles.nurse]", '[roles.nurse]\ninherits = "midwife"', 1)
    with pytest.raises(SettingsInvalid, match="inherits from itself"):
        compile_policy({**SHIPPED, "matrix.toml": text.encode()}, environment="prod")


def test_an_unknown_environment() -> None:
    with pytest.raises(SettingsInvalid, match="environment must be one of"):
        compile_policy(SHIPPED, environment="production")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_policy(tmp_path, environment="prod")
    assert caught.value.location == "matrix.toml:1"
    assert str(tmp_path) not in caught.value.detail


# --- the source ----------------------------------------------------------------------------------


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in SHIPPED.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def rewrite(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    path.write_bytes(changed(name, old, new)[name])
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def test_a_change_is_taken_within_a_second_and_not_looked_for_before(folder: Path) -> None:
    clock = Clock()
    source = PolicySource(folder, environment="prod", clock=clock)
    first = source.current()
    rewrite(folder, "settings.toml", "blacklist_beats_emergency = true", "blacklist_beats_emergency = false")
    clock.now += 0.9
    assert source.current() is first
    clock.now += 0.1
    assert not source.current().blacklist_beats_emergency
    assert source.current().version != first.version


def test_pol_12_the_old_version_stays_and_the_operator_is_told(folder: Path) -> None:
    clock, told = Clock(), list[SettingsInvalid]()
    source = PolicySource(folder, environment="prod", clock=clock, on_problem=told.append)
    first = source.current()
    rewrite(folder, "matrix.toml", '"document:update"', '"document:shred"')
    clock.now += 1
    assert source.current() is first
    clock.now += 1
    assert source.current() is first
    assert [problem.detail for problem in told] == ["unknown action 'document:shred'"]
    assert source.problem is told[0]
    (folder / "matrix.toml").write_bytes(SHIPPED["matrix.toml"] + b"\n")
    clock.now += 1
    assert source.current().version != first.version
    assert source.problem is None


def test_pol_12_a_file_that_is_gone_changes_nothing(folder: Path) -> None:
    clock = Clock()
    source = PolicySource(folder, environment="prod", clock=clock)
    first = source.current()
    (folder / "settings.toml").unlink()
    clock.now += 1
    assert source.current() is first
    assert source.problem is not None


def test_a_bad_policy_refuses_the_start(folder: Path) -> None:
    rewrite(folder, "matrix.toml", 'scheme = "2.999.1.1"', "scheme = 5")
    with pytest.raises(SettingsInvalid):
        PolicySource(folder, environment="prod")
