"""Code lists of the affinity domain through the whole pipeline: refused, told, or taken."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import shipped

ONLY_A = '[classCode]\nlimit = "{limit}"\n[classCode.codes."2.999.5"]\nA = "First"\n'
Under = Callable[[], AbstractContextManager[Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "affinity"
    made.mkdir()
    return made


@pytest.fixture
def under(forge: Any, folder: Path) -> Under:
    settings = forge.house.settings
    limited = replace(settings, domain=replace(settings.domain, affinity=folder))
    return lambda: forge.under(limited)  # type: ignore[no-any-return]


def limiting(folder: Path, limit: str) -> None:
    (folder / "codes.toml").write_text(ONLY_A.replace("{limit}", limit), encoding="utf-8")


def test_a_code_that_is_not_listed_is_refused(under: Under, folder: Path, words: Any) -> None:
    limiting(folder, "refuse")
    with under() as forge:
        answer = forge.failed(forge.register(), "XDSRegistryMetadataError", words.registered(4))
        (error,) = re.findall(rb"<rs:RegistryError [^>]*>", answer.body)
        assert (
            b"classCode '18842-5^^2.16.840.1.113883.6.1' is not in the list of this affinity domain; "
            b"allowed: A^^2.999.5 [trace "
        ) in error.replace(b"&#39;", b"'").replace(b"&apos;", b"'")
        assert re.search(rb'location="[^"]+"', error)


def test_a_code_that_is_not_listed_is_told(under: Under, folder: Path) -> None:
    limiting(folder, "warn")
    with under() as forge:
        answer = forge.send(forge.register(), unchanged=False, secret=False)
        assert (answer.response, answer.codes) == ("Success", ["XDSRegistryMetadataError"])
        assert b"ErrorSeverityType:Warning" in answer.body
        assert b"ErrorSeverityType:Error" not in answer.body


def test_what_our_own_tools_send_is_in_the_shipped_lists(under: Under, folder: Path) -> None:
    for path in shipped("affinity").glob("*.toml"):
        shutil.copy(path, folder)
        text = path.read_text(encoding="utf-8").replace('limit = "off"', 'limit = "refuse"')
        (folder / path.name).write_text(text, encoding="utf-8")
    with under() as forge:
        forge.accepted(forge.register())
        forge.accepted(forge.provide())
