"""What the demonstration prints and counts."""

import asyncio
import io

import pytest
from rich.console import Console

from gateway.cli.demo import PLAY
from gateway.cli.demo.actors import Unexpected, expect
from gateway.cli.demo.screen import Notes, Screen


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), highlight=False, soft_wrap=True, width=60))


def printed(screen: Screen) -> list[str]:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_a_scene_is_one_line_however_narrow_the_screen(screen: Screen) -> None:
    async def scene() -> Notes:
        return ("note [in] brackets",)

    title = "a long title " * 10
    assert asyncio.run(screen.scene(title, scene))
    line, note = printed(screen)
    assert line.startswith("✓")
    assert " ms  a long title" in line
    assert line.endswith(title)
    assert note.strip() == "note [in] brackets"
    assert (screen.good, screen.bad) == (1, 0)


@pytest.mark.parametrize("error", [Unexpected("5 documents"), OSError("5 documents")])
def test_a_scene_that_shows_something_else_fails_with_its_reason(screen: Screen, error: Exception) -> None:
    async def scene() -> Notes:
        raise error

    assert not asyncio.run(screen.scene("query", scene))
    line, reason = printed(screen)
    assert line.startswith("✗")
    assert reason.strip() == f"{type(error).__name__}: 5 documents"
    assert (screen.good, screen.bad) == (0, 1)


def test_expect_is_silent_or_raises() -> None:
    expect(True, "never")
    with pytest.raises(Unexpected, match="wrong"):
        expect(False, "wrong")


def test_every_scene_has_a_title_of_its_own() -> None:
    titles = [title for _, part in PLAY for title, _ in part]
    assert len(titles) == len(set(titles)) == 29
