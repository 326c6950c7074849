"""FHIR base: the capabilities interaction over the other profiles (FHIR R4 http 3.1.0.8)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.declare.transaction import Profile
from profiles.fhirbase import fhir_metadata


def profile_over(profiles: Sequence[Profile]) -> Profile:
    """The profile whose one transaction tells what some other profiles can do over FHIR."""
    return Profile(
        code="FHIR",
        title="FHIR R4 base",
        transactions=(fhir_metadata.transaction_over(profiles),),
    )
