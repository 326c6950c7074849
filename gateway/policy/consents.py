"""Compiles config/policy/consents.toml: what a policy that a patient acknowledges comes to (ITI TF-3 5.1)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from gateway.errors import Refused
from gateway.policy.tomlfile import Table, TomlFile
from gateway.record.access import HIGHEST_RANK
from gateway.record.consents import Directive, Kind
from gateway.rights.fold import check

FILE = "consents.toml"
KINDS = (
    Kind.OPPOSITION, Kind.DENIAL, Kind.ALLOWANCE, Kind.ALLOWED_ONLY, Kind.LEVEL, Kind.EMERGENCY, Kind.FLOOR,
)  # fmt: skip
"""What a policy for all patients can say: nothing that names a document, or appoints somebody."""

_NEEDED = {
    Kind.OPPOSITION: frozenset[str](),
    Kind.DENIAL: frozenset({"subject"}),
    Kind.ALLOWANCE: frozenset({"subject"}),
    Kind.ALLOWED_ONLY: frozenset[str](),
    Kind.LEVEL: frozenset({"subject", "rank"}),
    Kind.EMERGENCY: frozenset({"rank"}),
    Kind.FLOOR: frozenset({"rank"}),
}


def read_policies(file: TomlFile, purposes: Collection[str]) -> dict[str, tuple[Directive, ...]]:
    """Directives without a period, by OID or URN; SettingsInvalid at the first mistake.

    `purposes` are the names of settings.toml: a mistyped one would oppose nothing.
    """
    file.only(("policies",))
    found: dict[str, tuple[Directive, ...]] = {}
    for name in file.table("policies", required=False):
        place = ("policies", name)
        file.only(("display", "decides"), *place)
        file.string(*place, "display")
        found[name.removeprefix("urn:oid:")] = tuple(
            _directive(file, each, purposes, name) for each in _entries(file, name)
        )
    return found


def _entries(file: TomlFile, name: str) -> list[Table]:
    listed = file.table("policies", name).get("decides")
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise file.refuse("'decides' must be a list of tables", "policies", name, "decides")
    return cast("list[Table]", listed)


def _directive(file: TomlFile, entry: Table, purposes: Collection[str], name: str) -> Directive:
    place = ("policies", name, "decides")
    kind = next((each for each in KINDS if each.value == entry.get("kind")), None)
    if kind is None:
        raise file.refuse(f"'kind' must be one of: {', '.join(each.value for each in KINDS)}", *place)
    allowed = _NEEDED[kind] | {"kind"} | ({"purpose"} if kind is Kind.OPPOSITION else set())
    if set(entry) - allowed or _NEEDED[kind] - set(entry):
        raise file.refuse(f"'{kind.value}' takes {', '.join(sorted(allowed))}", *place)
    subject, purpose, rank = entry.get("subject"), entry.get("purpose"), entry.get("rank")
    if purpose is not None and purpose not in purposes:
        raise file.refuse(f"purpose '{purpose}' does not stand in settings.toml", *place)
    if not (subject is None or isinstance(subject, str)):
        raise file.refuse("'subject' must be a text", *place)
    if rank is not None and (not isinstance(rank, int) or isinstance(rank, bool)):
        raise file.refuse(f"'rank' must be a whole number up to {HIGHEST_RANK}", *place)
    directive = Directive(kind=kind, subject=subject, purpose=cast("str | None", purpose), rank=rank)
    try:
        check(directive)
    except Refused as refused:
        raise file.refuse(refused.detail, *place) from refused
    return directive
