"""Every declared transaction by its wire key; built once at the start, from the profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.declare.bindings import Fhir, Hl7v2, Oauth, Soap, WireKey
from gateway.declare.notification import Notification
from gateway.declare.transaction import AnyTransaction, Profile
from gateway.errors import Defect, MethodRefused, TransactionUnknown
from gateway.rights.documents import ConsentReader

_SEARCH_BY_POST = re.compile(r"(?P<path>/[A-Z][A-Za-z]*)/_search")


@dataclass(frozen=True)
class Catalogue:
    """Looks a wire key up. Two transactions with one key stop the start."""

    by_key: dict[WireKey, AnyTransaction]
    fhir_paths: tuple[tuple[str, re.Pattern[str], AnyTransaction], ...]
    profiles: tuple[Profile, ...]
    notifications: Mapping[str, Notification] = field(default_factory=dict)
    consents: Mapping[str, ConsentReader] = field(default_factory=dict)

    def find(self, key: WireKey) -> AnyTransaction:
        """The transaction declared for a SOAP, HL7 v2 or OAuth key; TransactionUnknown if there is none."""
        found = self.by_key.get(key)
        if found is None:
            raise TransactionUnknown(f"no transaction is declared for {key[2]!r} here", location=key[0])
        return found

    def find_fhir(self, method: str, path: str) -> tuple[AnyTransaction, dict[str, str]]:
        """The FHIR interaction for a method and a path below the base, with its path variables.

        A search by POST to `_search` is the same interaction as by GET (FHIR R4 http 3.1.0.10).
        TransactionUnknown when the path is not declared, MethodRefused when it is with other methods only.
        """
        by_post = _SEARCH_BY_POST.fullmatch(path)
        asked = by_post["path"] if by_post else path
        allowed: list[str] = []
        for declared, pattern, transaction in self.fhir_paths:
            match = pattern.fullmatch(asked)
            if match is None or (by_post and declared != "GET"):
                continue
            taken = "POST" if by_post else declared
            if taken == method:
                return transaction, match.groupdict()
            allowed.append(taken)
        if allowed:
            raise MethodRefused("this path does not take this method", allowed=tuple(allowed))
        raise TransactionUnknown("no interaction is declared for this path", location="path")

    def notification(self, code: str) -> Notification:
        """What we send under a transaction code; Defect when no profile declares it."""
        found = self.notifications.get(code)
        if found is None:
            raise Defect(f"no profile declares a notification {code}")
        return found

    def transactions(self) -> Iterator[AnyTransaction]:
        """All transactions in the order of the profiles."""
        for profile in self.profiles:
            yield from profile.transactions

    def endpoint(self, transaction: AnyTransaction) -> str:
        """The path of the endpoint at which a SOAP transaction answers."""
        for profile in self.profiles:
            if transaction in profile.transactions:
                return profile.endpoints[transaction.actors.responder]
        raise Defect(f"{transaction.code} is in no profile")

    def soap_ports(self) -> dict[str, list[AnyTransaction]]:
        """SOAP transactions by endpoint path."""
        ports: dict[str, list[AnyTransaction]] = {}
        for transaction in self.transactions():
            if isinstance(transaction.binding, Soap):
                ports.setdefault(self.endpoint(transaction), []).append(transaction)
        return ports


def build(profiles: Sequence[Profile]) -> Catalogue:
    """The catalogue of some profiles; Defect when a wire key is declared twice."""
    by_key: dict[WireKey, AnyTransaction] = {}
    for profile in profiles:
        for transaction in profile.transactions:
            for key in _keys(profile, transaction):
                if key in by_key:
                    raise Defect(f"{transaction.code} and {by_key[key].code} both declare {key}")
                by_key[key] = transaction
    forms = [form for profile in profiles for form in profile.consents]
    if len(forms) > len(set(forms)):
        raise Defect("two profiles read consent documents of one format")
    fhir = tuple(
        (key[1], _pattern(key[2]), transaction) for key, transaction in by_key.items() if key[0] == "fhir"
    )
    return Catalogue(
        by_key=by_key,
        fhir_paths=fhir,
        profiles=tuple(profiles),
        notifications={each.code: each for profile in profiles for each in profile.notifications},
        consents={form: reader for profile in profiles for form, reader in profile.consents.items()},
    )


def _keys(profile: Profile, transaction: AnyTransaction) -> list[WireKey]:
    match transaction.binding:
        case Soap(action=action, also=also):
            path = profile.endpoints[transaction.actors.responder]
            return [("soap", path, each) for each in (action, *also)]
        case Fhir(method=method, path=path):
            return [("fhir", method, path)]
        case Oauth(method=method, path=path):
            return [("oauth", method, path)]
        case Hl7v2(message=message, triggers=triggers, version=version):
            return [("hl7v2", f"{message}^{trigger}", version) for trigger in triggers]


def _pattern(path: str) -> re.Pattern[str]:
    """A variable segment is no name of an operation, nor of `_search` or `_history`."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/$_][^/]*)", re.escape(path)))
