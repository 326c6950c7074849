"""Patients decide by document, over the sockets of a server with two workers: BPPC, APPC, replacement."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.cli.partner import Acting, patient_id
from gateway.cli.started import prepare, serving
from gateway.client import xds
from gateway.config import shipped
from gateway.declare.bindings import Octets
from tests.consentdocs import OPT_IN, OPT_OUT, Papers, Rule, person

PATIENT = "DEMO-1001"
LOINC = "2.16.840.1.113883.6.1"


class Scene:
    """A physician, a nurse and the patient in front of one server."""

    def __init__(self, physician: Acting) -> None:
        self.physician = physician
        config = physician.settings.folder / "passerelle.toml"
        self.nurse = Acting.of(config, "hospital", "nurse")
        self.patient = Acting.of(config, "patient-portal", "patient")
        self.identity = physician.full_id(PATIENT)
        self.papers = Papers(patient_id(self.identity))

    def submit(self, who: Acting, document: xds.Document) -> None:
        assertion = who.assertion(self.identity if who.role == "patient" else None)

        async def provide() -> None:
            async with who.identity.http() as http:
                await xds.provide(who._client(http), who.endpoints, [document], assertion)

        asyncio.run(provide())

    def sees(self, who: Acting) -> list[str]:
        """Titles of the Approved documents, looked at more than once so that both workers are asked."""
        found = [sorted(each.title for each in asyncio.run(who.query(PATIENT))) for _ in range(2)]
        assert all(each == found[0] for each in found)
        return found[0]

    def uuid_of(self, unique_id: str) -> str:
        listed = asyncio.run(self.patient.query(PATIENT))
        return next(each.uuid for each in listed if each.unique_id == unique_id)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    config = prepare(tmp_path_factory.mktemp("consents") / "home", watched=False)
    with serving(config, workers=2):
        physician = Acting.of(config, "hospital", "physician")
        assert b"MSA|AA" in asyncio.run(physician.feed(shipped("demo/1-admit-a01.hl7").read_bytes()))
        letter = (Octets(b"a letter"), PATIENT, "Letter", f"18842-5^^{LOINC}", "N", ".txt")
        ids = {"unique_id": xds.new_oid(), "set_id": xds.new_oid(), "created": datetime.now(UTC)}
        asyncio.run(physician.send(*letter, **ids))
        yield Scene(physician)


def test_an_opt_out_closes_and_the_opt_in_that_replaces_it_opens(scene: Scene) -> None:
    out, back = xds.new_oid(), xds.new_oid()
    assert scene.sees(scene.physician) == ["Letter"]
    scene.submit(scene.patient, replace(scene.papers.bppc(out, OPT_OUT), title="Opt-out"))
    assert scene.sees(scene.physician) == []
    assert scene.sees(scene.patient) == ["Letter", "Opt-out"]
    opt_in = scene.papers.bppc(back, OPT_IN, replaces=scene.uuid_of(out))
    scene.submit(scene.patient, replace(opt_in, title="Opt-in"))
    assert scene.sees(scene.physician) == ["Letter", "Opt-in"]


def test_a_physician_decides_nothing_for_the_patient(scene: Scene) -> None:
    unique_id = xds.new_oid()
    before = scene.sees(scene.patient)
    with pytest.raises(xds.RegistryFailure) as refused:
        scene.submit(scene.physician, scene.papers.bppc(unique_id, OPT_OUT))
    assert refused.value.codes == ("XDSRepositoryError",)
    assert scene.sees(scene.patient) == before
    assert "Letter" in scene.sees(scene.physician)


def test_a_policy_denies_one_professional_and_no_other(scene: Scene) -> None:
    unique_id = f"urn:uuid:{uuid.uuid4()}"
    denied = scene.papers.appc(unique_id, Rule(effect="Deny", subjects=(person("dr.weber"),)))
    scene.submit(scene.patient, replace(denied, title="Not her"))
    assert scene.sees(scene.physician) == []
    assert "Letter" in scene.sees(scene.nurse)
