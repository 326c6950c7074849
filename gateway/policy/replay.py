"""Decides again what was decided, on the stored inputs, with policy and rights as they were then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import Enum, unique

from gateway.errors import GatewayError, Meaning, Problem, Refused
from gateway.policy.archive import PolicyArchive
from gateway.policy.model import Policy
from gateway.policy.question import Question, RightsVersions, answer, rights_of
from gateway.policy.receipt import Answered, read_receipt
from gateway.record.access import Decision, PatientRights

ReadRights = Callable[[int, int], Awaitable[str | None]]
"""What was decided under a record key, in one version (`ConsentStore.rights_version`)."""


@unique
class Outcome(Enum):
    """What became of a decision that was made again."""

    SAME = "same"
    DIFFERS = "differs"
    IMPOSSIBLE = "cannot be replayed"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision, as it was and as it is; `why` it could not be made again, where it could not."""

    outcome: Outcome
    was: Decision | None = None
    now: Decision | None = None
    why: str = ""


@dataclass(frozen=True)
class Replay:
    """Replays receipts. Policies are compiled once for each version."""

    archive: PolicyArchive
    read_rights: ReadRights
    policies: dict[str, Policy] = field(default_factory=dict)

    async def receipt(self, text: str) -> list[Replayed]:
        """Every decision of a stored receipt, in its order."""
        try:
            receipt = read_receipt(text)
        except GatewayError as error:
            return [Replayed(Outcome.IMPOSSIBLE, why=error.detail)]
        if receipt is None:
            return [Replayed(Outcome.IMPOSSIBLE, why="it was made before inputs were kept")]
        return [await self.decision(receipt.question, each) for each in receipt.answers]

    async def decision(self, question: Question, answered: Answered) -> Replayed:
        """One decision, made again."""
        was = answered.decision
        try:
            policy = await self.policy(was.policy_version)
            rights = await self.rights(answered.versions)
        except GatewayError as error:
            return Replayed(Outcome.IMPOSSIBLE, was, why=error.detail)
        now = replace(answer(question, policy, rights, answered.patient, answered.emergencies), grant=None)
        return Replayed(Outcome.SAME if now == was else Outcome.DIFFERS, was, now)

    async def policy(self, name: str) -> Policy:
        """The policy of a name, out of the archive; the errors of `PolicyArchive.named`."""
        if name not in self.policies:
            self.policies[name] = self.archive.compiled(await self.archive.named(name))
        return self.policies[name]

    async def rights(self, versions: RightsVersions | None) -> PatientRights | None:
        """What the patient had decided then; Refused when a version of it is gone."""
        if versions is None:
            return None
        texts = []
        for key, version in versions:
            text = await self.read_rights(key, version)
            if text is None:
                problem = f"version {version} of what the patient decided is no longer there"
                raise Refused(Problem(Meaning.NOT_FOUND, problem))
            texts.append(text)
        return rights_of(texts)
