"""profiles.iua.errors: what the audit may know of a request, and refusals."""

from gateway.declare.bindings import OauthRequest
from gateway.errors import Meaning, Problem
from profiles.iua.errors import refuse, told


def test_no_secret_reaches_the_audit() -> None:
    secret = dict.fromkeys(
        ("code", "code_verifier", "assertion", "token", "state", "code_challenge"), "SECRET"
    )
    request = OauthRequest(
        path="/oauth2/token",
        parameters={"grant_type": "authorization_code", "scope": "ITI-67", **secret},
        certificate=b"",
        client="portal",
    )
    assert told(request) == b"/oauth2/token?grant_type=authorization_code&scope=ITI-67"


def test_who_is_denied_had_no_valid_grant() -> None:
    assert refuse((Problem(Meaning.NOT_PERMITTED, "-"),)).members["error"] == "invalid_grant"
    assert refuse((Problem(Meaning.BUSY, "-"),)).status == 503
