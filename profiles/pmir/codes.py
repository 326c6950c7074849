"""Names of PMIR: events, definitions, what a subscription may ask for (PMIR 2:3.93, 2:3.94)."""

from __future__ import annotations

from typing import Final

FEED_EVENT: Final = "urn:ihe:iti:pmir:2019:patient-feed"
FEED_RESPONSE: Final = "urn:ihe:iti:pmir:2019:patient-feed-response"

DEFINITION: Final = "https://profiles.ihe.net/ITI/PMIR/StructureDefintion/IHE.PMIR.MessageDefinition"
"""As the profile fixes it, spelling included."""

SUBSCRIPTION_PROFILE: Final = "https://profiles.ihe.net/ITI/PMIR/StructureDefinition/IHE.PMIR.Subscription"

MESSAGE: Final = "message"
"""Subscription.channel.type."""

REQUESTED, OFF = "requested", "off"
"""What a subscriber may ask its subscription to be."""
