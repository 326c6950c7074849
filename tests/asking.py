"""Requests to the authorization server and the assertion provider, by the people of a directory in memory."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lxml import etree

from gateway.cli.staffing import opened
from gateway.client.soap import SoapClient
from gateway.config import Settings
from gateway.crypto.keys import Signer
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw, Sealed
from gateway.declare.transaction import AnyTransaction
from gateway.record.directory import Add, Attribute, Place, Unit, attributes
from gateway.tokens.people import Professional
from tests.issuing import person_signer

HART_KEY = person_signer()
"""The own key of the one professional of the directory who has a certificate there."""

BACK = "https://localhost:9/back"
"""Where a person who logged in is sent back to."""
House = Any
PHYSICIAN = "PHYSICIAN", "2.999.1.1"
TREATMENT = "TREAT", "2.16.840.1.113883.5.8"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""S256 of the verifier in RFC 7636 Appendix B."""


def asked_body(*claims: str, more: str = "") -> bytes:
    """A RequestSecurityToken with claims."""
    wst = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
    saml = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
    told = "".join(claims) or coded("Role", *PHYSICIAN) + coded("PurposeOfUse", *TREATMENT)
    text = (
        f'<wst:RequestSecurityToken xmlns:wst="{wst}"><wst:RequestType>{wst}/Issue</wst:RequestType>'
        f"<wst:TokenType>{saml}</wst:TokenType>{more}<wst:Claims>{told}</wst:Claims></wst:RequestSecurityToken>"
    )
    return c14n(etree.fromstring(text))


def coded(element: str, code: str, scheme: str) -> str:
    """A claim with a coded value."""
    name = {
        "Role": "urn:oasis:names:tc:xacml:2.0:subject:role",
        "PurposeOfUse": "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
    }[element]
    return (
        f'<saml2:Attribute xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" Name="{name}">'
        f'<saml2:AttributeValue><{element} xmlns="urn:hl7-org:v3" code="{code}" codeSystem="{scheme}"/>'
        "</saml2:AttributeValue></saml2:Attribute>"
    )


def assertion_asked(
    house: House,
    body: bytes = b"",
    *,
    signer: Signer | None = None,
    assertion: bytes | None = None,
    partner: str = "tester",
) -> Raw:
    """ITI-40 at the assertion provider, signed by the person."""
    url = f"{house.settings.server.public_url}/xua/sts"
    client = SoapClient(http=None, signer=signer or HART_KEY)  # type: ignore[arg-type]
    action = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue"
    content_type, written = client.write(
        url, action, [body or asked_body()], packaged=False, assertion=assertion
    )
    raw = Raw(
        method="POST", path="/xua/sts", target=url, headers={"content-type": content_type}, body=written
    )
    return house.peer(raw, partner)


def oauth(house: House, transaction: AnyTransaction) -> tuple[str, Raw]:
    """A request of each kind; a person asks for a code by the browser."""
    method, path = transaction.binding.method, transaction.binding.path
    if path == "/oauth2/authorize":
        return "persons", authorize_raw(house)
    if method == "GET":
        return "oauth", oauth_raw(house, path)
    given = {"token": "-"} if path.endswith("introspect") else {"grant_type": "client_credentials"}
    return "oauth", oauth_raw(house, path, given)


def oauth_raw(house: House, path: str, given: dict[str, str] | None = None, partner: str = "tester") -> Raw:
    raw = Raw(
        method="GET" if given is None else "POST",
        path=path,
        target=f"{house.settings.server.public_url}{path}",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(given or {}).encode(),
    )
    return house.peer(raw, partner)


def authorize_raw(house: House, signer: Signer | None = None, **changes: str | None) -> Raw:
    """The first step of the authorization code grant, with the certificate of a person."""
    told = {
        "response_type": "code",
        "client_id": "tester",
        "redirect_uri": BACK,
        "state": "af0ifjsldkj",
        "scope": "ITI-67 purpose_of_use=urn:oid:2.16.840.1.113883.5.8|TREAT",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    query = urlencode({name: value for name, value in told.items() if value is not None})
    path = "/oauth2/authorize"
    return Raw(
        method="GET",
        path=path,
        query=query,
        target=f"{house.settings.server.public_url}{path}?{query}",
        peer_certificate=(signer or HART_KEY).certificate,
        peer_host="127.0.0.1",
    )


def told_to_client(answer: Sealed) -> dict[str, str]:
    """What a redirect carries."""
    assert answer.status == 302
    assert answer.headers["location"].startswith(f"{BACK}?")
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def enter(at: Any, who: Professional, *certificates: bytes) -> None:
    """Puts a professional into the directory of a house or of settings, with all organisations."""
    settings = getattr(at, "settings", at)
    asyncio.run(_enter(settings, list(entries_of(who, certificates))))


async def _enter(settings: Settings, entries: list[Add]) -> None:
    async with opened(settings) as staff:
        await staff.put(entries, "a test")


def entries_of(who: Professional, certificates: Sequence[bytes]) -> Iterator[Add]:
    """A person, the organisations the person works at, and the groups that say so."""
    told = {
        "objectClass": ("HCProfessional", "inetOrgPerson", "HPDProvider", "top"),
        "uid": (who.uid,),
        "cn": (who.name,),
        "sn": (who.name,),
        "displayName": (who.name,),
        "hpdProviderStatus": ("Active" if who.active else "Inactive",),
        "hcProfession": tuple(str(each) for each in who.roles),
    }
    held = [Attribute(name, values) for name, values in told.items()]
    encoded = tuple(b64encode(each).decode() for each in certificates)
    held += [Attribute("userCertificate", encoded, binary=True)] if encoded else []
    person = Place("PASSERELLE", "LU", Unit.PROFESSIONAL, "uid", who.uid)
    yield Add(person, attributes(held))
    for each in who.memberships:
        place = Place("PASSERELLE", "LU", Unit.ORGANISATION, "uid", each.organisation)
        organisation = {
            "objectClass": ("HCRegulatedOrganization", "organization", "HPDProvider", "top"),
            "uid": (each.organisation,),
            "HcRegisteredName": (each.name,),
            "o": (each.name,),
        }
        yield Add(place, attributes(Attribute(*item) for item in organisation.items()))
        group = Place("PASSERELLE", "LU", Unit.RELATIONSHIP, "cn", f"{who.uid} at {each.organisation}")
        linked = {
            "objectClass": ("groupOfNames", "top"),
            "cn": (group.value,),
            "owner": (place.dn,),
            "member": (person.dn,),
        }
        yield Add(group, attributes(Attribute(*item) for item in linked.items()))
