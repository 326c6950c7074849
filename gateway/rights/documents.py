"""Documents that state consents: what they say is kept as they are registered (ITI TF-3 5.1, 5.6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.errors import Malformed, Meaning, Problem, Refused, TooComplex, TooLarge
from gateway.record.access import Period
from gateway.record.consents import ALWAYS, Author, Consent, Directive, Status, states_consent
from gateway.record.documents import DocumentEntry, Submission
from gateway.record.people import Principal
from gateway.record.submission import Admission, Standing
from gateway.rights.book import Asking, RightsBook, Said
from gateway.rights.form import document_of, form_of
from gateway.stores.content import LARGE, Content
from gateway.stores.registry import RegistryStore
from gateway.stores.threads import in_thread

LARGEST = 16 * 1024 * 1024
"""Octets of a consent document; the most that is read as XML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What consent documents name and the rights policy knows.

    `policies` are those a patient can acknowledge, by OID or URN, without "urn:oid:"; `purposes` the names of
    purposes of use by (coding scheme, code).
    """

    policies: Mapping[str, tuple[Directive, ...]] = field(default_factory=dict)
    purposes: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a consent document says. `policies` are those it names; `period` is that of the whole document."""

    directives: tuple[Directive, ...]
    policies: tuple[str, ...] = ()
    period: Period = ALWAYS
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConsentReader:
    """Reads one form of consent document; a profile declares it for its formatCodes.

    `read` takes the metadata, the octets, what the policy knows, and now (aware UTC). Refused with every
    fault of content, or between content and metadata; what it does not understand exactly is such a fault.
    """

    code: str
    read: Callable[[DocumentEntry, bytes, Known, datetime], Stated]


class Acting(Asking, Protocol):
    """What is asked of a call: who, beside what the book needs."""

    @property
    def principal(self) -> Principal:
        """Who brings or ends the document."""
        ...


@dataclass(frozen=True)
class ConsentDocuments:
    """What submissions, updates and removals tell of consent documents; the book follows in the same unit.

    The permit to change rights is the pipeline's matter (`Target.also`, `Target.changed`). One request
    states, replaces or ends at most one consent.
    """

    book: RightsBook
    registry: RegistryStore
    readers: Mapping[str, ConsentReader]
    known: Callable[[], Known]

    async def take(
        self,
        call: Acting,
        submission: Submission,
        admission: Admission,
        contents: Mapping[str, Content],
    ) -> None:
        """Keeps what a submission states, ends what it deprecates; Refused when it cannot be exactly that.

        `submission` has the ids that were sent; `contents` are octets by document uniqueId, empty where only
        metadata came. Metadata alone state nothing (`unread`), and replace nothing that is in force.
        """
        stating = [item for item in submission.documents if states_consent(item)]
        left = [*admission.replaced, *admission.dependents]
        if not (stating or left):
            return
        ending = await self._ended_by(call, left)
        if ending:
            _refuse_unread(stating, contents)
        stating = [item for item in stating if item.unique_id in contents]
        if len(stating) > 1:
            raise _refused("several consent documents in one submission", stating[1].id)
        read = [await self._read(item, contents[item.unique_id], call.at) for item in stating]
        if not stating:
            await self._end(call, ending)
            return
        replaced = await self.named([("uuid", _replaced_by(admission, stating[0].unique_id))])
        if set(ending) - replaced:
            raise _refused("the submission also ends the consent of another document", stating[0].id)
        await self._keep(call, stating[0], read[0], ending)

    async def about(self, keys: Sequence[int], unique_ids: Collection[str]) -> dict[str, Consent]:
        """The newest version of the consent that each of some documents states, or stated once."""
        found: dict[str, Consent] = {}
        versions = await self.book.of_records(keys) if unique_ids else []
        newest = {each.id: each for each in sorted(versions, key=lambda one: one.version)}
        for each in versions:
            name = document_of(each, self._codes)
            if name is not None and name in unique_ids:
                found[name] = newest[each.id]
        return found

    async def in_force(self, keys: Sequence[int], unique_ids: Collection[str]) -> dict[str, Consent]:
        """The active consents of some records whose present document is one of these, by its uniqueId."""
        found: dict[str, Consent] = {}
        for versions in _by_consent(await self.book.of_records(keys) if unique_ids else []):
            names = [name for each in versions if (name := document_of(each, self._codes))]
            if versions[-1].status is Status.ACTIVE and names and names[-1] in unique_ids:
                found[names[-1]] = versions[-1]
        return found

    async def named(self, named: Iterable[tuple[str, Sequence[str]]]) -> set[str]:
        """UniqueIds of documents named by "uuid", "logical-id" or "unique-id"."""
        found: set[str] = set()
        for by, values in named:
            if by == "unique-id":
                found |= set(values)
            elif by == "uuid":
                found |= _documents((await self.registry.standing(values)).values())
            else:
                found |= _documents(await self.registry.latest(values))
        return found

    async def end(self, call: Acting, unique_ids: Collection[str]) -> None:
        """Ends the consent whose document is deprecated or removed; Refused when they are several."""
        await self._end(call, await self.in_force(call.scope.patients, unique_ids))

    @property
    def _codes(self) -> frozenset[str]:
        return frozenset(reader.code for reader in self.readers.values())

    async def _read(self, item: DocumentEntry, content: Content, at: datetime) -> Stated:
        reader = self.readers.get(_form(item))
        if reader is None:
            raise _refused("documents of this formatCode are not read here", item.id)
        if content.size > LARGEST:
            text = f"the consent document has {content.size} octets; expected at most {LARGEST}"
            raise Refused(Problem(Meaning.CONTENT_MISMATCH, text, item.id))
        octets = b"".join(content.chunks())
        try:
            if content.size > LARGE:
                return await in_thread(reader.read, item, octets, self.known(), at)
            return reader.read(item, octets, self.known(), at)
        except (Malformed, TooComplex, TooLarge) as error:
            text = f"the consent document cannot be read: {error.detail}"
            raise Refused(Problem(Meaning.CONTENT_MISMATCH, text, item.id)) from error

    async def _keep(
        self, call: Acting, item: DocumentEntry, stated: Stated, ending: Mapping[str, Consent]
    ) -> None:
        if len(ending) > 1:
            raise _refused("the document replaces several consents; replace them one by one", item.id)
        _refuse_untimely(item, stated, call.at, replaces=bool(ending))
        if await self.about(call.scope.patients, {item.unique_id}):
            raise _refused("this document stated a consent before; a new consent is a new document", item.id)
        by = self.readers[_form(item)].code
        said = Said(
            directives=stated.directives,
            author=Author.of(call.principal, by),
            reason=stated.reason,
            form=form_of(item, stated.policies, call.at),
        )
        for replaced in ending.values():
            await self.book.change(call, replaced.id, said, known=replaced.version)
        if not ending and item.patient is not None:
            await self.book.add(call, item.patient, said)

    async def _ended_by(self, call: Acting, uuids: Sequence[str]) -> dict[str, Consent]:
        if not uuids:
            return {}
        return await self.in_force(call.scope.patients, await self.named([("uuid", uuids)]))

    async def _end(self, call: Acting, ending: Mapping[str, Consent]) -> None:
        if len(ending) > 1:
            raise _refused("the request ends the consents of several documents; end them one by one", None)
        for document, consent in ending.items():
            author = Author.of(call.principal, consent.author.by)
            await self.book.end(call, consent.id, author, f"document {document} is not Approved any more")


def _form(item: DocumentEntry) -> str:
    return item.format_code.code if item.format_code else ""


def _documents(found: Iterable[Standing]) -> set[str]:
    return {each.unique_id for each in found if each.kind == "document"}


def _replaced_by(admission: Admission, unique_id: str) -> list[str]:
    """EntryUUIDs of what a submitted document takes the place of."""
    own = {item.id for item in admission.submission.documents if item.unique_id == unique_id}
    links = admission.submission.associations
    return [each.target for each in links if each.relation.replaces and each.source in own]


def _by_consent(versions: Iterable[Consent]) -> list[list[Consent]]:
    found: dict[str, list[Consent]] = {}
    for each in sorted(versions, key=lambda one: one.version):
        found.setdefault(each.id, []).append(each)
    return list(found.values())


def _refuse_untimely(item: DocumentEntry, stated: Stated, at: datetime, *, replaces: bool) -> None:
    """An ended consent says nothing, and one to come leaves a gap behind the one it replaces."""
    periods = (stated.period, *(each.period for each in stated.directives))
    if any(each.end is not None and each.end <= at for each in periods):
        raise _refused("the period of the consent has ended", item.id)
    if replaces and any(each.start is not None and each.start > at for each in periods):
        raise _refused("the consent begins later; it replaces another one from its first day on", item.id)


def unread(submission: Submission) -> tuple[Problem, ...]:
    """A warning for each consent document of which only the metadata came: it changes nobody's access."""
    text = "the consent document is kept elsewhere and was not read: it has no effect on access here"
    return tuple(
        Problem(Meaning.EXTRA_NOT_SAVED, text, item.id, warning=True)
        for item in submission.documents
        if states_consent(item)
    )


def _refuse_unread(stating: Sequence[DocumentEntry], contents: Mapping[str, Content]) -> None:
    for item in stating:
        if item.unique_id not in contents:
            text = "a consent in force is replaced by a document that comes with its content (ITI-41)"
            raise Refused(Problem(Meaning.METADATA_INVALID, text, item.id))


def _refused(text: str, location: str | None) -> Refused:
    return Refused(Problem(Meaning.NOT_SUPPORTED, text, location))
