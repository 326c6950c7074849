"""Presence codes: a patient gives one away, a professional shows it and gets a care relation (rule P7)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.errors import Denied, Meaning, Problem, Refused
from gateway.record.access import Period
from gateway.record.consents import Author, Consent, Directive, Kind
from gateway.record.measures import PresenceRules
from gateway.record.people import Code, PatientId, Principal
from gateway.rights.book import Asking, RightsBook, Said
from gateway.stores.presence import PresenceStore

BY = "presence code"
"""How a relation came, in its author."""
ALPHABET: Final = "34679ACDEFGHJKMNPQRTUVWXY"
"""Without characters that are taken for one another when read or written by hand."""
LENGTH, _HALF = 8, 4
NO_RELATION = (
    "no relation was made: the patient is not known, the code is not valid any more or was never given, "
    "or too many wrong ones were tried; ask the patient for a new one, or wait"
)
"""One text for whatever was wrong, so that it tells nothing of a patient."""
_BETWEEN = re.compile(r"[\s-]+")


class Presenting(Asking, Protocol):
    """What is needed of a call, beside what the book needs."""

    @property
    def principal(self) -> Principal:
        """Who asks."""
        ...


@dataclass(frozen=True, slots=True)
class Issued:
    """A fresh code, as it is read out, and until when it can be used."""

    code: str
    until: datetime


@dataclass(frozen=True)
class PresenceDesk:
    """`rules` and `length` of a relation by role are asked each time, since the policy may change."""

    store: PresenceStore
    book: RightsBook
    rules: Callable[[], PresenceRules]
    length: Callable[[Code | None], timedelta]

    async def issue(self, call: Asking, patient: PatientId) -> Issued:
        """A code of a patient in scope; Refused while as many are open as there may be."""
        key, rules = call.scope.keys.get(patient), self.rules()
        if key is None:
            raise Denied("the request is not permitted", reason="SCOPE")
        still, number = await self.store.numbers(key, call.at)
        if still >= rules.most:
            text = f"{still} codes are open; let one be used, or wait until one expires"
            raise Refused(Problem(Meaning.DUPLICATE_IN_REGISTRY, text, "Consent"))
        code, until = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH)), call.at + rules.length
        self.store.add(call.work, key, number, code, call.at, until)
        return Issued(f"{code[:_HALF]}-{code[_HALF:]}", until)

    async def redeem(self, call: Presenting, patient: PatientId, code: str, *, whole: bool) -> Consent:
        """A relation of the person, or of the `whole` organisation; Refused without a word of what was wrong.

        A patient who is out of scope is treated as one who is not known, and costs the same reads.
        """
        who, rules = call.principal, self.rules()
        subject = who.organisation if whole else who.subject
        if subject is None:
            raise Refused(Problem(Meaning.DATA_TYPE, "the token names no organisation", "for"))
        since = call.at - rules.within
        by_person, for_patient = await self.store.misses(who.subject, str(patient), since)
        keys = [key for key, identity in call.scope.identities.items() if identity == patient]
        found = await self.store.open(keys, normalised(code), call.at)
        if by_person >= rules.wrong_of_person or for_patient >= rules.wrong_for_patient:
            raise _refused()
        if found is None:
            self.store.miss(call.work, who.subject, str(patient), call.at)
            raise _refused()
        self.store.spend(call.work, found)
        period = Period(call.at, call.at + self.length(who.role))
        relation = Directive(kind=Kind.RELATION, subject=subject, period=period)
        said = Said(directives=(relation,), author=Author.of(who, BY), reason=BY)
        return await self.book.add(call, patient, said)


def normalised(code: str) -> str:
    """A code as it was given, whether it is written with hyphen, spaces or small letters."""
    return _BETWEEN.sub("", code).upper()


def _refused() -> Refused:
    return Refused(Problem(Meaning.NOT_PERMITTED, NO_RELATION, "Consent"))
