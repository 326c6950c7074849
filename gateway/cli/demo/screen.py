"""What the demonstration prints: a line for each scene, with a mark, how long it took, and what happened."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
from rich.console import Console
from rich.text import Text

from gateway.errors import GatewayError

Notes = tuple[str, ...]


@dataclass(slots=True)
class Screen:
    """The console, and how many scenes showed what they should."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    good: int = 0
    bad: int = 0

    def heading(self, text: str) -> None:
        """A part of the play begins."""
        self.console.print(Text(f"\n{text}", style="bold"))

    def say(self, *lines: str) -> None:
        """Plain lines."""
        for line in lines:
            self.console.print(Text(line))

    async def scene(self, title: str, play: Callable[[], Awaitable[Notes]]) -> bool:
        """Plays one scene and tells how it went; a scene that fails ends the play with its reason."""
        began = time.perf_counter()
        try:
            notes = await play()
        except (GatewayError, httpx.HTTPError, OSError) as error:
            self.failed(title, began, f"{type(error).__name__}: {error}")
            return False
        self.passed(title, began, notes)
        return True

    def passed(self, title: str, began: float, notes: Notes = ()) -> None:
        """A scene that showed what it should; `began` by time.perf_counter."""
        self.good += 1
        self._line("✓", "green", title, began, notes)

    def failed(self, title: str, began: float, reason: str) -> None:
        """A scene that did not."""
        self.bad += 1
        self._line("✗", "red", title, began, (reason,))

    def _line(self, mark: str, colour: str, title: str, began: float, notes: Notes) -> None:
        took = (time.perf_counter() - began) * 1000
        self.console.print(Text.assemble((mark, f"bold {colour}"), (f"{took:6.0f} ms  ", "cyan"), title))
        for note in notes:
            self.console.print(Text(f"            {note}", style="dim"))
