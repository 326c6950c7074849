"""Works on the directory, operation by operation, and writes what came of all at once (ITI-59)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.directory import rules
from gateway.record.directory import (
    Add,
    Attribute,
    Change,
    Declined,
    Delete,
    Edit,
    Entry,
    Modify,
    Place,
    Rename,
    ResultCode,
    Unit,
    attributes,
    fold,
    read_place,
)
from gateway.stores.directory import MEMBER, OWNER, DirectoryStore, Trail
from gateway.stores.work import UnitOfWork

_LINKABLE = {OWNER: {Unit.ORGANISATION}, MEMBER: {Unit.PROFESSIONAL, Unit.ORGANISATION}}
Link = tuple[str, int]
MOST_LINKS = 5_000
"""Owners and members that one request may name."""


@dataclass(slots=True)
class Draft:
    """An entry as it stands after the operations so far. `before` is what the database holds."""

    key: int
    before: Entry | None
    place: Place
    held: dict[str, Attribute] = field(default_factory=dict)
    there: bool = False
    blocked: bool = False
    links: frozenset[Link] = frozenset()
    links_before: frozenset[Link] | None = None
    """Of a group, once they were read."""


class Desk:
    """Each operation is done or Declined; what was done before stays. Nothing is written before `note`.

    Blocks of operators are set through `block` only: no operation lifts one.
    """

    def __init__(self, store: DirectoryStore, trail: Trail) -> None:
        self._store = store
        self.trail = trail
        self._drafts: dict[str, Draft] = {}
        self._left: set[str] = set()
        self._told: list[tuple[int, str, str, object]] = []

    async def do(self, edit: Edit) -> None:
        """Carries an operation out; Declined with an LDAP result, and then nothing of it is done."""
        if edit.place.unit is None or not edit.place.value:
            raise Declined(ResultCode.UNWILLING_TO_PERFORM, "suffix and units cannot be changed")
        match edit:
            case Add():
                await self._add(edit)
            case Modify():
                await self._modify(edit)
            case Delete():
                await self._delete(edit)
            case Rename():
                await self._rename(edit)

    async def put(self, edit: Add) -> None:
        """An entry as it is given, whether it was there or not."""
        draft = await self._draft(edit.place)
        if not draft.there:
            await self.do(edit)
            return
        await self._replace(draft, edit)

    async def block(self, place: Place, *, blocked: bool) -> bool:
        """Shuts somebody out, or lets him in again; False where that was so before."""
        draft = await self._existing(place)
        if draft.blocked == blocked:
            return False
        draft.blocked = blocked
        self._tell(draft, "block" if blocked else "unblock", None)
        return True

    # --- the operations --------------------------------------------------------------------------

    async def _add(self, edit: Add) -> None:
        draft = await self._draft(edit.place)
        if draft.there:
            raise Declined(ResultCode.ENTRY_ALREADY_EXISTS, "the entry is there already")
        if edit.place.key in self._left:
            text = "the name was given up in the same batch; add the entry in another one"
            raise Declined(ResultCode.UNWILLING_TO_PERFORM, text)
        held, links = await self._given(edit)
        rules.check(edit.place, held)
        await self._check_links(draft.key, edit.place, links)
        draft.place, draft.held, draft.links, draft.there = edit.place, held, links, True
        if draft.links_before is None:
            draft.links_before = frozenset()
        self._tell(draft, "add", _shown(held))

    async def _given(self, edit: Add) -> tuple[dict[str, Attribute], frozenset[Link]]:
        """What is kept of the attributes; memberOf follows from the groups, so it is passed over."""
        place = edit.place
        held = attributes(rules.spelled(each) for each in edit.attributes.values())
        held.pop("memberof", None)
        if rules.MAINTAINED & held.keys():
            raise Declined(ResultCode.CONSTRAINT_VIOLATION, "timestamps are kept by the directory")
        if place.attribute.lower() not in held:
            held[place.attribute.lower()] = Attribute(place.attribute, (place.value,))
        links = [await self._links_of(held.pop(kind)) for kind in (OWNER, MEMBER) if kind in held]
        return held, frozenset().union(*links)

    async def _replace(self, draft: Draft, edit: Add) -> None:
        held, links = await self._given(edit)
        await self._load_links(draft)
        if held == draft.held and links == draft.links:
            return
        rules.check(draft.place, held)
        await self._check_links(draft.key, draft.place, links)
        draft.held, draft.links = held, links
        self._tell(draft, "replace", _shown(held))

    async def _modify(self, edit: Modify) -> None:
        draft = await self._existing(edit.place)
        held, links = dict(draft.held), draft.links
        for change in edit.changes:
            name = change.attribute.name.lower()
            if name in rules.MAINTAINED:
                text = f"{change.attribute.name} is kept by the directory"
                raise Declined(ResultCode.UNWILLING_TO_PERFORM, text)
            if name in rules.LINKED:
                links = await self._relink(draft, change, links)
            else:
                _alter(held, _spelled(change))
        _check_kept_name(draft.place, held)
        rules.check(draft.place, held)
        await self._check_links(draft.key, draft.place, links)
        draft.held, draft.links = held, links
        shown = [[c.how, c.attribute.name, list(c.attribute.values)] for c in edit.changes]
        self._tell(draft, "modify", shown)

    async def _relink(self, draft: Draft, change: Change, links: frozenset[Link]) -> frozenset[Link]:
        if draft.links_before is None:
            await self._load_links(draft)
            links = draft.links
        kind = change.attribute.name.lower()
        given = await self._links_of(change.attribute, strict=change.how != "delete")
        mine = frozenset(each for each in links if each[0] == kind)
        if change.how == "replace":
            return (links - mine) | given
        if change.how == "add":
            if given & links:
                raise Declined(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"{kind} holds the value already")
            return links | given
        if not change.attribute.values:
            given = mine
        if not given or not given <= links:
            raise Declined(ResultCode.NO_SUCH_ATTRIBUTE, f"{kind} does not hold the value")
        return links - given

    async def _delete(self, edit: Delete) -> None:
        draft = await self._existing(edit.place)
        if draft.blocked:
            text = "the entry is deactivated by an operator, who must let it go first"
            raise Declined(ResultCode.UNWILLING_TO_PERFORM, text)
        if await self._owns(draft):
            text = "the organisation owns relationships; these must go first"
            raise Declined(ResultCode.NOT_ALLOWED_ON_NON_LEAF, text)
        for group in self._drafts.values():
            group.links = frozenset(each for each in group.links if each[1] != draft.key)
        self._tell(draft, "delete", _shown(draft.held))
        draft.there, draft.links = False, frozenset()

    async def _owns(self, draft: Draft) -> bool:
        """Whether a group that stays has the entry as its owner."""
        if any(each.there and (OWNER, draft.key) in each.links for each in self._drafts.values()):
            return True
        known = {
            each.before.place.dn
            for each in self._drafts.values()
            if each.before is not None and (each.links_before is not None or not each.there)
        }
        found = await self._store.groups([draft.key]) if draft.before is not None else []
        return any(kind == OWNER and dn not in known for _, kind, dn in found)

    async def _rename(self, edit: Rename) -> None:
        draft = await self._existing(edit.place)
        other = await self._draft(edit.to)
        if other.there and other is not draft:
            raise Declined(ResultCode.ENTRY_ALREADY_EXISTS, "an entry has the new name already")
        held = dict(draft.held)
        _rename_value(held, edit)
        rules.check(edit.to, held)
        if draft.place.key != edit.to.key:
            if other.before is not None:
                text = "the new name was given up in the same batch; rename in another one"
                raise Declined(ResultCode.UNWILLING_TO_PERFORM, text)
            self._drafts.pop(draft.place.key)
            self._left.add(draft.place.key)
            self._drafts[edit.to.key] = draft
        before = draft.place.dn
        draft.place, draft.held = edit.to, held
        self._tell(draft, "rename", before)

    # --- what is there ---------------------------------------------------------------------------

    async def _draft(self, place: Place) -> Draft:
        name = place.key
        if name not in self._drafts:
            found = None if name in self._left else (await self._store.named([name])).get(name)
            self._drafts[name] = self._of(found) if found else Draft(self._store.new_key(), None, place)
        return self._drafts[name]

    @staticmethod
    def _of(entry: Entry) -> Draft:
        return Draft(entry.key, entry, entry.place, dict(entry.attributes), there=True, blocked=entry.blocked)

    async def _existing(self, place: Place) -> Draft:
        draft = await self._draft(place)
        if not draft.there:
            raise Declined(ResultCode.NO_SUCH_OBJECT, "there is no such entry")
        return draft

    async def _load_links(self, draft: Draft) -> None:
        if draft.links_before is None:
            found = await self._store.links([draft.key])
            gone = {each.key for each in self._drafts.values() if each.before and not each.there}
            draft.links_before = frozenset((kind, key) for _, kind, key, _ in found)
            draft.links = frozenset(each for each in draft.links_before if each[1] not in gone)

    async def _links_of(self, attribute: Attribute, *, strict: bool = True) -> frozenset[Link]:
        """The entries that owner or member names; what is not there cannot belong anywhere."""
        kind, found = attribute.name.lower(), set()
        if len(attribute.values) > MOST_LINKS:
            text = f"{kind} has more than {MOST_LINKS} values in one request"
            raise Declined(ResultCode.ADMIN_LIMIT_EXCEEDED, text)
        for value in attribute.values:
            draft = await self._draft(read_place(value))
            if draft.there:
                found.add((kind, draft.key))
            elif strict:
                raise Declined(ResultCode.CONSTRAINT_VIOLATION, f"{kind} names an entry that is not there")
        return frozenset(found)

    async def _check_links(self, key: int, place: Place, links: frozenset[Link]) -> None:
        if place.unit is not Unit.RELATIONSHIP:
            if links:
                raise Declined(ResultCode.OBJECT_CLASS_VIOLATION, "only relationships have owner and member")
            return
        draft = self._drafts.get(place.key)
        unread = draft is not None and draft.before is not None and draft.links_before is None
        owners = [each for kind, each in links if kind == OWNER]
        if not unread and len(owners) != 1:
            raise Declined(ResultCode.OBJECT_CLASS_VIOLATION, "a relationship has one owner")
        units = {each.key: each.place.unit for each in self._drafts.values()}
        if any(units.get(other, Unit.ORGANISATION) not in _LINKABLE[kind] for kind, other in links):
            text = "owner is an organisation; members are professionals and organisations"
            raise Declined(ResultCode.CONSTRAINT_VIOLATION, text)
        if key in {other for _, other in links}:
            raise Declined(ResultCode.CONSTRAINT_VIOLATION, "a relationship is no member of itself")

    # --- what is written -------------------------------------------------------------------------

    def _tell(self, draft: Draft, operation: str, told: object) -> None:
        self._told.append((draft.key, operation, draft.place.dn, told))

    def note(self, work: UnitOfWork) -> None:
        """Notes what came of all operations, and every one of them in the history."""
        if not self._told:
            return
        drafts = sorted(self._drafts.values(), key=lambda each: each.there)
        touched = {key for key, *_ in self._told}
        for draft in drafts:
            self._note(work, draft, touched=draft.key in touched)
        for key, operation, dn, told in self._told:
            self._store.record(work, key, operation, dn, told, self.trail)

    def _note(self, work: UnitOfWork, draft: Draft, *, touched: bool) -> None:
        before = draft.before
        if not touched:
            return
        if not draft.there:
            if before is not None:
                self._store.remove(work, before)
            return
        entry = Entry(
            key=draft.key,
            place=draft.place,
            attributes=draft.held,
            version=before.version + 1 if before else 1,
            blocked=draft.blocked,
            created=before.created if before else self.trail.at,
            changed=self.trail.at,
        )
        row = rules.row_of(entry)
        if before is None:
            self._store.add(work, row)
        else:
            self._store.change(work, row, before.version, rules.row_of(before).values)
        known = draft.links_before
        if known is not None:
            self._store.link(work, draft.key, draft.links - known, known - draft.links)


def _spelled(change: Change) -> Change:
    return replace(change, attribute=rules.spelled(change.attribute))


def _alter(held: dict[str, Attribute], change: Change) -> None:
    name, given = change.attribute.name.lower(), change.attribute.values
    now = held[name].values if name in held else ()
    folded = {fold(each) for each in given}
    same = {fold(each) for each in now} & folded
    if change.how == "replace":
        now = given
    elif change.how == "add":
        if same or not given:
            raise Declined(ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, f"{name} holds the value already")
        now = (*now, *given)
    else:
        if not now or same != folded:
            raise Declined(ResultCode.NO_SUCH_ATTRIBUTE, f"{name} does not hold the value")
        now = tuple(each for each in now if fold(each) not in folded) if given else ()
    if now:
        known = held.get(name, change.attribute)
        held[name] = Attribute(known.name, now, change.attribute.binary or known.binary)
    else:
        held.pop(name, None)


def _check_kept_name(place: Place, held: Mapping[str, Attribute]) -> None:
    naming = held.get(place.attribute.lower())
    if naming is None or fold(place.value) not in {fold(each) for each in naming.values}:
        raise Declined(ResultCode.NOT_ALLOWED_ON_RDN, "the value that names the entry is changed by modDN")


def _rename_value(held: dict[str, Attribute], edit: Rename) -> None:
    old, new = edit.place, edit.to
    if edit.drops and old.attribute.lower() in held:
        known = held[old.attribute.lower()]
        kept = tuple(each for each in known.values if fold(each) != fold(old.value))
        held[old.attribute.lower()] = replace(known, values=kept)
        if not kept:
            held.pop(old.attribute.lower())
    naming = held.get(new.attribute.lower(), Attribute(new.attribute, ()))
    if fold(new.value) not in {fold(each) for each in naming.values}:
        naming = replace(naming, values=(*naming.values, new.value))
    held[new.attribute.lower()] = naming


def _shown(held: Mapping[str, Attribute]) -> object:
    return [[each.name, list(each.values)] for each in held.values()]
