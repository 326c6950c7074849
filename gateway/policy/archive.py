"""The archive of policies: every version that decided anything, verified whenever it is taken out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from gateway.crypto.keys import Signer
from gateway.errors import GatewayError, Meaning, Outdated, Problem, Refused, SettingsInvalid
from gateway.policy.manifest import Kind, Manifest, Verified, digests, sealed, verified
from gateway.policy.matrix import FILES, compile_policy
from gateway.policy.model import Policy
from gateway.stores.policies import PolicyRow, PolicyStore
from gateway.stores.work import UnitOfWork

Commit = Callable[[UnitOfWork], Awaitable[None]]
_ATTEMPTS = 5


class PolicyArchive:
    """Versions by number and by name. `trusted` are certificates (DER) of our signing keys, old and new."""

    def __init__(
        self, store: PolicyStore, signer: Signer, trusted: Sequence[bytes], environment: str
    ) -> None:
        self._store = store
        self._signer = signer
        self._trusted = tuple(trusted)
        self.environment = environment

    async def newest(self) -> int:
        """The number of the newest activation; 0 when nothing was ever activated."""
        return await self._store.newest(Kind.ACTIVATION.value)

    async def numbers(self, kind: Kind) -> list[int]:
        """The numbers of all versions of a kind, newest first."""
        return await self._store.numbers(kind.value)

    async def version(self, number: int) -> Verified:
        """One version; Refused when there is none, SignatureBroken or SignerRefused when it does not hold."""
        row = await self._store.row(number)
        if row is None:
            raise Refused(Problem(Meaning.NOT_FOUND, f"there is no version {number} of the policy"))
        return verified(row, self._trusted)

    async def named(self, name: str) -> Verified:
        """A version of a name, as receipts tell it, that holds; the errors of `version` when none does."""
        rows = await self._store.named(name)
        if not rows:
            raise Refused(Problem(Meaning.NOT_FOUND, f"no policy {name} was ever in force here"))
        proven = [self._proven(row) for row in rows]
        holding = [each for each in proven if isinstance(each, Verified)]
        return holding[0] if holding else verified(rows[0], self._trusted)

    async def history(self) -> list[tuple[PolicyRow, Verified | GatewayError]]:
        """All rows, oldest first, each with what it says or why it does not hold."""
        return [(row, self._proven(row)) for row in await self._store.rows()]

    async def proven(self, number: int) -> Verified | GatewayError:
        """One version, or why it does not hold."""
        row = await self._store.row(number)
        missing = Refused(Problem(Meaning.NOT_FOUND, f"there is no version {number} of the policy"))
        return missing if row is None else self._proven(row)

    def _proven(self, row: PolicyRow) -> Verified | GatewayError:
        try:
            return verified(row, self._trusted)
        except GatewayError as error:
            return error

    def compiled(self, found: Verified) -> Policy:
        """The policy of a version; SettingsInvalid when it cannot be used here.

        A file that policies did not have yet when it was written says nothing.
        """
        if found.manifest.environment != self.environment:
            raise SettingsInvalid(f"the policy is one of {found.manifest.environment}")
        files = {**dict.fromkeys(FILES, b""), **found.files}
        policy = compile_policy(files, environment=self.environment)
        return replace(policy, version=found.manifest.version)

    def add(self, work: UnitOfWork, manifest: Manifest, files: Mapping[str, bytes]) -> None:
        """Notes a version under our signature; Outdated at the commit if its number was taken meanwhile."""
        self._store.add(work, sealed(manifest, files, self._signer))

    async def next_number(self) -> int:
        """The number of the next row."""
        return await self._store.last() + 1

    async def keep_folder(
        self, files: Mapping[str, bytes], version: str, at: datetime, commit: Commit
    ) -> None:
        """Archives a state of the folder before it decides anything; once, whoever comes first."""
        for _ in range(_ATTEMPTS):
            if await self._store.named(version):
                return
            manifest = Manifest(
                number=await self.next_number(),
                kind=Kind.FOLDER,
                environment=self.environment,
                version=version,
                files=digests(files),
                at=at,
            )
            work = UnitOfWork()
            self.add(work, manifest, files)
            try:
                await commit(work)
            except Outdated:
                # another worker took the number, most likely for the same files
                continue
            return
        raise Outdated("the policy could not be archived; try again")
