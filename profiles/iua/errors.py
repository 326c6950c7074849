"""Refusals of IUA in the words of RFC 6749, and readers its transactions share."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.bindings.oauthfault import refusal_reply
from gateway.declare.bindings import OauthReply, OauthRequest
from gateway.errors import Meaning, Problem, Refused

_TOLD = (
    "grant_type",
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "resource",
    "requested_token_type",
)
"""What the audit may know of a request: no code, verifier, token or state."""


def refuse(problems: tuple[Problem, ...]) -> OauthReply:
    """An error with its description; a person whom the rights engine does not know had no valid grant."""
    first = problems[0]
    if first.meaning is Meaning.NOT_PERMITTED:
        problems = (Problem(Meaning.GRANT_REFUSED, first.context),)
    return refusal_reply(problems)


def required(given: Mapping[str, str], name: str) -> str:
    """A parameter that must be there; else invalid_request."""
    value = given.get(name)
    if value is None:
        raise invalid(f"the parameter {name} is required", name)
    return value


def invalid(text: str, location: str) -> Refused:
    """invalid_request."""
    return Refused(Problem(Meaning.INVALID_REQUEST, text, location))


def told(request: OauthRequest) -> bytes:
    """The URL requested, with what the audit may know of its parameters (IUA 3.71.5.1)."""
    kept = {name: request.parameters[name] for name in _TOLD if name in request.parameters}
    return f"{request.path}?{urlencode(kept)}".encode()
