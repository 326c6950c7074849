"""The FHIR form of a server with a key of its own."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.bindings.fhir import FhirForm
from gateway.config import Limits
from tests.gateway.bindings.fhirforms import BASE


@pytest.fixture
def form(identity: Callable[..., Any]) -> FhirForm:
    return FhirForm(signer=identity("p256", "gateway").signer, limits=Limits(), base=BASE)
