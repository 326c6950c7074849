"""Opens the policies of an installation for the commands: who acts, what is compared, what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.compose import Gateway, compose
from gateway.cli.services import policy_archive
from gateway.config import Settings
from gateway.errors import Denied, GatewayError
from gateway.identity.operators import Operator
from gateway.pipeline.policing import tell_policy_changed, tell_policy_not_changed
from gateway.policy.archive import PolicyArchive
from gateway.policy.changes import PolicyChanges
from gateway.policy.manifest import Manifest
from gateway.policy.matrix import load_policy
from gateway.policy.model import Policy
from gateway.policy.simulate import Effect, Group, simulate
from gateway.stores import marker
from gateway.stores.counting import RegistryCounts
from gateway.stores.work import UnitOfWork

Change = Callable[[PolicyChanges, UnitOfWork, str], Awaitable[Manifest]]
TEST_ENVIRONMENT = "integration"


def acting_as(settings: Settings, operator: Operator, said: str) -> str:
    """Who changes the policy: the operator; in integration without a directory, whoever one says to be.

    Four eyes could not be tried otherwise. Denied where a directory knows better.
    """
    if not said.strip():
        return operator.id
    if settings.environment != TEST_ENVIRONMENT or settings.operators.configured:
        text = f"--as counts in {TEST_ENVIRONMENT} only, and where no [operators] are configured"
        raise Denied(text, reason="OPERATOR")
    return said.strip()


@dataclass(frozen=True, slots=True)
class PolicyRoom:
    """A gateway that serves nobody, and its archive of policies."""

    gateway: Gateway
    archive: PolicyArchive

    async def change(self, change: Change, actor: str) -> Manifest:
        """Makes a change with its audit row, both or neither; a refusal is audited too."""
        engine, work = self.gateway.engine, UnitOfWork()
        try:
            manifest = await change(PolicyChanges(self.archive), work, actor)
            tell_policy_changed(manifest, actor, engine, work)
            await engine.committer.commit(work)
        except GatewayError as error:
            await tell_policy_not_changed(error, actor, engine)
            raise
        return manifest

    async def policy(self, named: str) -> Policy:
        """A policy by folder, by number, or by its name; "current" is the one in force."""
        environment = self.gateway.settings.environment
        if named == "current":
            return await self.gateway.engine.policies.in_force()
        if (folder := _folder(named)) is not None:
            return load_policy(folder, environment=environment)
        if named.isdigit():
            return self.archive.compiled(await self.archive.version(int(named)))
        return self.archive.compiled(await self.archive.named(named))

    async def simulated(self, before: str, after: str) -> tuple[int, list[Effect]]:
        """How many documents there are, and what another policy would change."""
        counts = RegistryCounts(self.gateway.database)
        groups = [Group(*each) for each in await counts.documents()]
        effects = await simulate(await self.policy(before), await self.policy(after), groups, counts.patients)
        return sum(each.documents for each in groups), effects


def _folder(named: str) -> Path | None:
    return Path(named) if Path(named).is_dir() else None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[PolicyRoom]:
    """The policies of an installation; the server may run meanwhile."""
    gateway = compose(settings)
    try:
        yield PolicyRoom(gateway, policy_archive(settings, gateway.database, gateway.signer))
    finally:
        await gateway.close()


def ready(settings: Settings) -> Settings:
    """The settings of an installation whose database is of the newest form."""
    marker.ready(settings.database.url, settings.environment)
    return settings
