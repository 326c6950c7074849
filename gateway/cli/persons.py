"""The invented professionals and organisations of integration, as entries of the directory (HPD)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from gateway.record.directory import Add, Attribute, Place, Unit, attributes

ROLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "physician": ("dr.weber", "Dr Anne Weber"),
        "pharmacist": ("ph.muller", "Marc Muller"),
        "laboratory": ("lab.schmit", "Claire Schmit"),
        "nurse": ("nurse.klein", "Paul Klein"),
        "patient": ("patient", "Patient"),
        "identity-manager": ("id.thill", "Marie Thill"),
        "directory-manager": ("dir.hoffmann", "Jean Hoffmann"),
        "data-protection-officer": ("dpo.reding", "Jean Reding"),
        "auditor": ("au.clement", "Alice Clement"),
    }
)
"""Who acts by default in a role; anybody else can be named, where two must act."""
CERTIFIED = (ROLES["physician"], ROLES["nurse"])
"""Who has a key and a certificate, to log in for tokens and assertions."""
OTHERS = (
    ("id.wagner", "Luc Wagner", "identity-manager"),
    ("id.faber", "Lea Faber", "identity-manager"),
)
"""Who confirms what the first one proposed, or undoes it."""
TESTER = "conformance-user"
"""Whom the conformance programs assert, in any role."""
_ORGANISATION, _COUNTRY = "PASSERELLE", "LU"


def entries(
    roles: Mapping[str, str],
    organisations: Iterable[tuple[str, str]],
    certificates: Mapping[str, bytes] = MappingProxyType({}),
) -> Iterator[Add]:
    """A person for each role (name, and profession as code^^scheme), all working at every organisation.

    `certificates` are DER by uid, for those who log in by their own.
    """
    places = []
    for uid, name, professions in _persons(roles):
        place = Place(_ORGANISATION, _COUNTRY, Unit.PROFESSIONAL, "uid", uid)
        places.append(place.dn)
        yield Add(place, _person(uid, name, professions) | _certified(certificates.get(uid)))
    for oid, name in organisations:
        place = Place(_ORGANISATION, _COUNTRY, Unit.ORGANISATION, "uid", oid)
        yield Add(
            place,
            _of(
                ("HCRegulatedOrganization", "organization", "HPDProvider", "top"),
                uid=oid,
                HcRegisteredName=name,
                o=name,
            ),
        )
        group = Place(_ORGANISATION, _COUNTRY, Unit.RELATIONSHIP, "cn", f"{name} {oid}")
        held = _of(("groupOfNames", "top"), cn=group.value, owner=place.dn)
        yield Add(group, {**held, "member": Attribute("member", tuple(places))})


def _persons(roles: Mapping[str, str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for role, profession in roles.items():
        uid, name = ROLES.get(role, (role, role.title()))
        yield uid, name, (profession,)
    for uid, name, role in OTHERS:
        yield uid, name, (roles[role],)
    yield TESTER, "Conformance User", tuple(roles.values())


def _person(uid: str, name: str, professions: tuple[str, ...]) -> dict[str, Attribute]:
    classes = (
        "HCProfessional",
        "inetOrgPerson",
        "organizationalPerson",
        "naturalPerson",
        "person",
        "HPDProvider",
        "top",
    )
    held = _of(
        classes,
        uid=uid,
        cn=name,
        sn=name.rsplit(maxsplit=1)[-1],
        displayName=name,
        hpdProviderStatus="Active",
    )
    return {**held, "hcprofession": Attribute("hcProfession", professions)}


def _certified(der: bytes | None) -> dict[str, Attribute]:
    if der is None:
        return {}
    return {"usercertificate": Attribute("userCertificate", (b64encode(der).decode(),), binary=True)}


def _of(classes: tuple[str, ...], **values: str) -> dict[str, Attribute]:
    told = [Attribute("objectClass", classes), *(Attribute(name, (value,)) for name, value in values.items())]
    return attributes(told)
