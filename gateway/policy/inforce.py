"""The policy that decides: the newest version that was activated, else the folder (POL-12).

One prepared read a second at most; whatever cannot be verified is told once and changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from gateway.errors import Busy, GatewayError, SettingsInvalid
from gateway.policy.archive import Commit, PolicyArchive
from gateway.policy.manifest import Kind
from gateway.policy.matrix import PolicySource
from gateway.policy.model import Policy

INTERVAL = 0.8
"""Seconds between two looks, so that a new version decides within a second."""
Alert = Callable[[SettingsInvalid], Awaitable[None]]


class PolicyInForce:
    """What a worker decides by. While nothing was ever activated, the folder is followed and archived."""

    def __init__(
        self,
        folder: PolicySource,
        archive: PolicyArchive,
        *,
        commit: Commit,
        alert: Alert,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        interval: float = INTERVAL,
    ) -> None:
        self._folder = folder
        self._archive = archive
        self._commit = commit
        self._alert = alert
        self._now = now
        self._clock = clock
        self._interval = interval
        self._policy = folder.current()
        self._number = 0
        self._ready = False
        self._due = clock()
        self._seen = 0
        self._kept: str | None = None
        self._problem: SettingsInvalid | None = None
        self._looking = asyncio.Lock()

    def current(self) -> Policy:
        """The policy as it was last taken up; before the first decision that of the folder."""
        return self._policy

    async def in_force(self) -> Policy:
        """The policy to decide by now; Busy while there is none that can be verified."""
        if not self._ready:
            async with self._looking:
                if not self._ready:
                    await self._look()
                    self._ready = True
        elif self._clock() >= self._due and not self._looking.locked():
            async with self._looking:
                await self._look()
        return self._policy

    async def _look(self) -> None:
        self._due = self._clock() + self._interval
        newest = await self._archive.newest()
        if newest > self._seen:
            await self._take()
            self._seen = newest
        elif newest < self._seen:
            await self._alert(SettingsInvalid("a version of the policy is gone that was activated"))
            self._seen = newest
        if not self._number and newest == 0:
            await self._follow()

    async def _take(self) -> None:
        """The newest version that holds; those above are told. If none does, what decides now stays."""
        for number in await self._archive.numbers(Kind.ACTIVATION):
            if number <= self._seen:
                return
            if await self._taken(number):
                self._number = number
                return
        if not self._ready:
            await self._take_what_was_before()

    async def _take_what_was_before(self) -> None:
        """No activation holds, and nothing decides yet: the folder as it was last archived."""
        for number in await self._archive.numbers(Kind.FOLDER):
            if await self._taken(number):
                self._number = number
                return
        raise Busy("no version of the policy can be verified; the operators must look at it")

    async def _taken(self, number: int) -> bool:
        try:
            self._policy = self._archive.compiled(await self._archive.version(number))
        except Busy:
            raise
        except GatewayError as problem:
            where = f", {problem.location}" if problem.location else ""
            await self._alert(
                SettingsInvalid(problem.detail, location=f"version {number} of the policy{where}")
            )
            return False
        return True

    async def _follow(self) -> None:
        """The folder, as it is now; each state of it is archived before it decides."""
        self._policy = self._folder.current()
        if self._policy.version != self._kept:
            await self._archive.keep_folder(
                self._folder.files, self._policy.version, self._now(), self._commit
            )
            self._kept = self._policy.version
        problem = self._folder.problem
        if problem is not None and problem is not self._problem:
            await self._alert(problem)
        self._problem = problem
