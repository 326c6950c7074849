"""The closed lists of the house: top level, file names in a profile folder, sizes."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = {
    "gateway", "profiles", "schemas", "tests", "conformance", "config", "docs", ".ci",
    "pyproject.toml", "README.md", "LICENSE", "run", "requirements.lock", "requirements-test.lock",
    ".gitignore",
}  # fmt: skip
ALWAYS = {"__init__.py", "profile.py", "README.md"}
SOMETIMES = {"wire", "rules", "codes", "errors"}
TRANSACTION = re.compile(r"(iti|pharm|lab|fhir)\d*_[a-z0-9_]+")
PROFILES = sorted(
    path for path in (ROOT / "profiles").iterdir() if path.is_dir() and path.name != "__pycache__"
)
MIGRATIONS = ROOT / "gateway/stores/migrations/versions"
"""Written by Alembic, one function for all tables; never edited by hand once they have run."""
SOURCES = sorted(
    path
    for folder in ("gateway", "profiles")
    for path in (ROOT / folder).rglob("*.py")
    if MIGRATIONS not in path.parents
)
SOFT_LIMIT, HARD_LIMIT, LONGEST_FUNCTION = 400, 600, 80


def tracked() -> set[str]:
    ignored = {".git", "var", "dist", "build"}
    names = {path.name for path in ROOT.iterdir()} - ignored
    return {
        name
        for name in names
        if not name.startswith((".venv", ".pytest", ".mypy", ".ruff", ".hypo", ".import"))
    }


def test_top_level_is_closed() -> None:
    assert tracked() == TOP


@pytest.mark.parametrize("folder", PROFILES, ids=lambda path: path.name)
def test_profile_folders_hold_closed_names_only(folder: Path) -> None:
    names = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
    assert names >= ALWAYS
    others = {name.removesuffix(".py") for name in names - ALWAYS}
    assert not {name for name in others if name not in SOMETIMES and not TRANSACTION.fullmatch(name)}


@pytest.mark.parametrize("folder", ["tests", "conformance", "config", "schemas"])
def test_black_box_folders_are_no_packages(folder: str) -> None:
    assert not list((ROOT / folder).rglob("__init__.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short_and_titled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "every module opens with one line on what it is"
    assert text.count("\n") <= HARD_LIMIT
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_most_files_stay_below_the_soft_limit() -> None:
    long = [path for path in SOURCES if path.read_text(encoding="utf-8").count("\n") > SOFT_LIMIT]
    assert not long, "a file that passes 400 lines becomes a folder of the same name"


def test_no_registry_host_and_no_machine_path_is_named() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "run", ".ci/run", ".ci/checks"):
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")
