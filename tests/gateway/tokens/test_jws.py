from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import TokenInvalid
from gateway.tokens.jws import certificate_of, jwk_of


def test_the_key_set_shows_no_private_part(identity: Callable[..., Any]) -> None:
    told = jwk_of(identity("rsa3072").der)
    assert set(told) == {"kty", "n", "e", "kid", "use", "alg", "x5c", "x5t#S256"}
    assert certificate_of(told["x5c"][0]).public_key() == identity("rsa3072").key.public_key()


@pytest.mark.parametrize("entry", [None, 7, "", "AAAA", "%%"])
def test_what_is_no_certificate(entry: object) -> None:
    with pytest.raises(TokenInvalid):
        certificate_of(entry)
