"""Changes of the policy under four eyes: one proposes a version, another one activates it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.errors import Denied, Meaning, Problem, Refused
from gateway.policy.archive import PolicyArchive
from gateway.policy.manifest import Kind, Manifest, Verified, digests
from gateway.policy.matrix import compile_policy
from gateway.stores.work import UnitOfWork


@dataclass(frozen=True)
class PolicyChanges:
    """Proposes and activates. What is noted takes effect with the commit, on every worker within a second."""

    archive: PolicyArchive

    async def in_force(self) -> Verified | None:
        """The newest activation that holds; None while the folder is in force."""
        for number in await self.archive.numbers(Kind.ACTIVATION):
            found = await self.archive.proven(number)
            if isinstance(found, Verified):
                return found
        return None

    async def propose(
        self, work: UnitOfWork, files: Mapping[str, bytes], actor: str, reason: str, at: datetime
    ) -> Manifest:
        """Notes a version that somebody else may activate; SettingsInvalid with the first mistake in it."""
        manifest = await self._draft(files, actor, reason, at)
        self.archive.add(work, manifest, files)
        return manifest

    async def propose_again(
        self, work: UnitOfWork, number: int, actor: str, reason: str, at: datetime
    ) -> Manifest:
        """Notes the way back to a version that was in force; it needs a second person like any other."""
        before = await self.archive.version(number)
        if before.manifest.kind is Kind.PROPOSAL:
            raise _refused(Meaning.NOT_FOUND, f"version {number} was only proposed, it was never in force")
        manifest = replace(await self._draft(before.files, actor, reason, at), again=number)
        self.archive.add(work, manifest, before.files)
        return manifest

    async def activate(self, work: UnitOfWork, number: int, actor: str, at: datetime) -> Manifest:
        """Notes that a proposal is in force from the commit on; Denied to the one who proposed it.

        Refused when it was made against another version than the one in force: nobody saw what it changes.
        """
        proposal = await self.archive.version(number)
        told = proposal.manifest
        if told.kind is not Kind.PROPOSAL:
            raise _refused(Meaning.NOT_FOUND, f"version {number} is no proposal")
        if told.proposer is None or _same(told.proposer, actor):
            raise Denied("who proposed a version may not activate it", reason="FOUR_EYES")
        if told.previous != await self._previous():
            text = f"version {number} was proposed against another one than is in force; propose it again"
            raise _refused(Meaning.UPDATE_VERSION, text)
        self.archive.compiled(proposal)
        fresh = await self.archive.next_number()
        manifest = replace(told, number=fresh, kind=Kind.ACTIVATION, approver=actor, at=at, proposal=number)
        self.archive.add(work, manifest, proposal.files)
        return manifest

    async def _draft(self, files: Mapping[str, bytes], actor: str, reason: str, at: datetime) -> Manifest:
        policy = compile_policy(files, environment=self.archive.environment)
        found = await self.in_force()
        if found is not None and found.manifest.version == policy.version:
            raise _refused(Meaning.DUPLICATE_KEY, f"policy {policy.version} is in force already")
        return Manifest(
            number=await self.archive.next_number(),
            kind=Kind.PROPOSAL,
            environment=self.archive.environment,
            version=policy.version,
            files=digests(files),
            at=at,
            proposer=actor,
            reason=reason,
            previous=await self._previous(),
        )

    async def _previous(self) -> tuple[int, str] | None:
        found = await self.in_force()
        return None if found is None else (found.manifest.number, found.digest)


def _refused(meaning: Meaning, text: str) -> Refused:
    return Refused(Problem(meaning, text))


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
