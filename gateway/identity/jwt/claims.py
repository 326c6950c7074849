"""What the claims of an access token say of user, role, purpose and patient (IUA 3.71.4.2.2.1; RFC 9068)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.errors import SignerRefused, TokenInvalid
from gateway.identity.jwt.policy import CodeKey, TokenIssuer, TokenPolicy
from gateway.identity.systems import SYSTEM_ROLES
from gateway.record.people import Code, PatientId, Principal, SubjectKind

OID_URN = "urn:oid:"
_LONGEST, _LONGEST_SCOPE = 512, 8_192
_THUMBPRINT_BYTES = 32
_CX = re.compile(r"(?P<extension>[^\^|&\s]+)\^\^\^[^&^]*&(?P<root>[0-9.]+)&ISO")
_TOKEN_FORM = re.compile(r"urn:oid:(?P<root>[0-9.]+)\|(?P<extension>[^\^|&\s]+)")

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Period:
    """When a token holds: start <= now < end, issued not later than now. Aware UTC."""

    issued: datetime
    start: datetime
    end: datetime

    def check(self, now: datetime, skew: timedelta) -> None:
        """TokenInvalid unless the token holds now, with `skew` granted at both ends."""
        if now < self.issued - skew:
            raise TokenInvalid("issued in the future", location="iat")
        if now < self.start - skew:
            raise TokenInvalid("not valid yet", location="nbf")
        if now >= self.end + skew:
            raise TokenInvalid("expired", location="exp")


# --- registered claims ---------------------------------------------------------------------------


def text(claims: Json, name: str, longest: int = _LONGEST) -> str | None:
    """An optional text of at most so many characters; TokenInvalid when it is something else."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise TokenInvalid("expected a text", location=name)
    return value


def required(claims: Json, name: str) -> str:
    """A text that must be there."""
    found = text(claims, name)
    if found is None:
        raise TokenInvalid("a claim is missing", location=name)
    return found


def period_of(claims: Json, longest: timedelta) -> Period:
    """From iat, nbf and exp; TokenInvalid when iat or exp is missing, or the life is longer than allowed."""
    issued, end = _time(claims, "iat"), _time(claims, "exp")
    if issued is None or end is None:
        raise TokenInvalid("iat and exp are required", location="exp")
    if not timedelta(0) < end - issued <= longest:
        raise TokenInvalid(f"valid for more than {longest}, or not at all", location="exp")
    return Period(issued, _time(claims, "nbf") or issued, end)


def _time(claims: Json, name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenInvalid("expected seconds since 1970", location=name)
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TokenInvalid("not a time", location=name) from error


def audience_of(claims: Json, issuer: TokenIssuer) -> str:
    """The name in `aud` by which the token addresses us; TokenInvalid when none does."""
    told = claims.get("aud")
    names = [told] if isinstance(told, str) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TokenInvalid("no audience", location="aud")
    found = next((name for name in names if name in issuer.audiences), None)
    if found is None:
        raise TokenInvalid("made for another audience", location="aud")
    return str(found)


def bound_to(claims: Json) -> bytes | None:
    """SHA-256 of the certificate that the token is bound to (RFC 8705 3.1); None for a bearer token."""
    told = claims.get("cnf")
    if told is None:
        return None
    value = told.get("x5t#S256") if isinstance(told, dict) else None
    if not isinstance(value, str):
        raise TokenInvalid("bound to its holder in a way that is not known here", location="cnf")
    try:
        digest = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise TokenInvalid("no thumbprint", location="cnf") from error
    if len(digest) != _THUMBPRINT_BYTES:
        raise TokenInvalid("no SHA-256 thumbprint", location="cnf")
    return digest


# --- who acts ------------------------------------------------------------------------------------


def principal_of(claims: Json, issuer: TokenIssuer, policy: TokenPolicy, digest: bytes) -> Principal:
    """The subject, whoever presents the token. SignerRefused for roles and purposes that are not known."""
    extensions = _table(claims, "extensions")
    user, consent = _table(extensions, "ihe_iua"), _table(extensions, "ihe_bppc")
    own = _table(extensions, "passerelle")
    subject, client = required(claims, "sub"), text(claims, "client_id")
    system = subject == client and "subject_role" not in user
    role = Code("NODE", SYSTEM_ROLES) if system else _known(user, "subject_role", policy.roles)
    return Principal(
        kind=SubjectKind.NODE if system else _kind(role, policy),
        subject=subject,
        name=text(user, "subject_name") or subject,
        issuer=issuer.name,
        role=role,
        organisation=_bare(text(user, "subject_organization_id")),
        organisation_name=text(user, "subject_organization"),
        purpose=None if system else _known(user, "purpose_of_use", policy.purposes),
        alias=audience_of(claims, issuer),
        provider_ids=_providers(user),
        patient=_patient(user, consent),
        on_behalf_of=text(own, "on_behalf_of"),
        emergency_reason=text(own, "emergency_reason"),
        confirmation="bearer" if bound_to(claims) is None else "holder-of-key",
        token_id=required(claims, "jti"),
        token_digest=digest,
        expires=period_of(claims, issuer.max_life).end + policy.skew,
        scopes=frozenset((text(claims, "scope", _LONGEST_SCOPE) or "").split()),
    )


def _table(claims: Json, name: str) -> Json:
    found = claims.get(name, {})
    if not isinstance(found, dict):
        raise TokenInvalid("expected an object", location=name)
    return found


def _known(user: Json, name: str, known: frozenset[CodeKey] | None) -> Code:
    """The one Coding of a claim."""
    listed = user.get(name)
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        raise SignerRefused("expected one Coding", location=name)
    coding: Json = listed[0]
    code = Code(required(coding, "code"), _bare(required(coding, "system")) or "", coding.get("display", ""))
    if not isinstance(code.display, str):
        raise TokenInvalid("expected a text", location="display")
    if known is not None and (code.code, code.scheme) not in known:
        raise SignerRefused("a code that is not known here", location=name)
    return code


def _kind(role: Code, policy: TokenPolicy) -> SubjectKind:
    patient = (role.code, role.scheme) in policy.patient_roles
    return SubjectKind.PATIENT if patient else SubjectKind.PROFESSIONAL


def _bare(name: str | None) -> str | None:
    return None if name is None else name.removeprefix(OID_URN)


def _providers(user: Json) -> tuple[str, ...]:
    told = user.get("national_provider_identifier", [])
    listed = told if isinstance(told, list) else [told]
    return tuple(required({"npi": each}, "npi") for each in listed)


def _patient(user: Json, consent: Json) -> PatientId | None:
    """The patient that the token was issued for; TokenInvalid when two claims name different ones."""
    named = {
        _identifier(told, name)
        for claims, name in ((consent, "patient_id"), (user, "person_id"))
        if (told := text(claims, name)) is not None
    }
    if len(named) > 1:
        raise TokenInvalid("two patients in one token", location="person_id")
    return next(iter(named), None)


def _identifier(told: str, name: str) -> PatientId:
    """In CX, or as system and value; nothing else can be compared with the patient that is asked for."""
    match = _CX.fullmatch(told) or _TOKEN_FORM.fullmatch(told)
    if match is None:
        raise TokenInvalid("no patient id; expected id^^^&OID&ISO", location=name)
    return PatientId(match["extension"], match["root"])
