"""SAML 2.0 assertions of users and patients (XUA, ITI-40 Provide X-User Assertion, ITI TF-2: 3.40)."""

from gateway.identity.saml.following import FollowingReader
from gateway.identity.saml.policy import AssertionPolicy
from gateway.identity.saml.reader import AssertionReader, read_assertion

__all__ = ["AssertionPolicy", "AssertionReader", "FollowingReader", "read_assertion"]
