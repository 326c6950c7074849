"""URIs of WS-Trust 1.3 and of what it carries (OASIS ws-trust 200512, SAML token profile 1.1)."""

from __future__ import annotations

from typing import Final

WST: Final = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WSP: Final = frozenset({"http://schemas.xmlsoap.org/ws/2004/09/policy", "http://www.w3.org/ns/ws-policy"})
SAML_TOKEN: Final = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"  # noqa: S105 - a name
SAML_NAMESPACE: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
SAML_ID: Final = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID"

REQUEST: Final = f"{{{WST}}}RequestSecurityToken"
ANSWER: Final = f"{{{WST}}}RequestSecurityTokenResponseCollection"
ISSUE: Final = f"{WST}/Issue"
PUBLIC_KEY: Final = f"{WST}/PublicKey"
BEARER: Final = f"{WST}/Bearer"
"""WS-Trust 1.4 names it first; those who ask by 1.3 use it as well."""
ASKED: Final = f"{WST}/RST/Issue"
ISSUED: Final = f"{WST}/RSTRC/IssueFinal"
