"""The desk of identity vigilance: a gateway with two who may be one, and people in front of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.client.token import issue_assertion
from gateway.crypto.keys import load_signer
from gateway.record.people import Code
from tests.fhirbench import AFFINITY, HOSPITAL, LABORATORY, NOW, Answer, Bench, Template, patient, template
from tests.fhirbench import standing as standing_bench

NODE = "tester"
HOME = {"line": ["12, rue de la Gare"], "city": "Esch", "postalCode": "L-4040"}
PHONE = {"system": "phone", "value": "+352621123456"}


@dataclass(frozen=True)
class Desk:
    """People at the desk, by name."""

    bench: Bench
    tokens: dict[tuple[str, str], str]

    def get(self, path: str, query: str = "", *, who: str = "eve", role: str = "IDENTITY-MANAGER") -> Answer:
        return self.send("GET", path, query, who=who, role=role)

    def send(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        who: str | None = "eve",
        role: str = "IDENTITY-MANAGER",
        body: dict[str, Any] | None = None,
        **headers: str,
    ) -> Answer:
        if who is not None:
            headers["authorization"] = f"Bearer {self._token(who, role)}"
        return self.bench.send(path, query, method=method, node=NODE, signed_in=False, body=body, **headers)

    def decide(
        self, task: str, who: str | None, outcome: str = "same", reason: str = "the mother says so"
    ) -> Answer:
        told = parameters(outcome=outcome, reason=reason)
        return self.send("POST", f"/Task/{task}/$decide", who=who, body=told)

    def undo(self, operation: str, who: str = "eve", reason: str = "wrong") -> Answer:
        return self.send("POST", f"/Provenance/{operation}/$undo", who=who, body=parameters(reason=reason))

    def only(self, query: str = "status=requested,in-progress") -> dict[str, Any]:
        (task,) = self.get("/Task", query).resources
        return task

    def feed(self, root: str, value: str, **told: Any) -> None:
        answer = self.bench.feed(patient(root, value, **told), node=NODE)
        assert answer.status in {200, 201}, answer.body

    def together(self) -> bool:
        """Whether the two of the desk are one person."""
        others = self.bench.others(f"urn:oid:{HOSPITAL}|1", node=NODE)
        return f"urn:oid:{LABORATORY}|2" in others

    def history(self, value: str = "1", root: str = HOSPITAL) -> list[dict[str, Any]]:
        answer = self.get("/Provenance", f"target:identifier=urn:oid:{root}|{value}")
        assert answer.status == 200, answer.body
        return answer.resources

    def kinds(self, *operations: dict[str, Any]) -> list[str]:
        """What Provenances tell of."""
        return [each["activity"]["coding"][0]["code"] for each in operations]

    def told(self, answer: Answer) -> Any:
        """The one audit row of an exchange."""
        (row,) = self.bench.audit(answer)
        return row

    def _token(self, who: str, role: str) -> str:
        if (who, role) not in self.tokens:
            told = self.bench.gateway.settings.assertions
            assert told.test_issuer_key is not None
            assert told.test_issuer_certificate is not None
            assertion = issue_assertion(
                signer=load_signer(told.test_issuer_key, told.test_issuer_certificate),
                issuer="urn:passerelle:issuer:integration",
                subject=who,
                name=who.title(),
                role=Code(role, AFFINITY),
                organisation="2.999.5.1",
                organisation_name="Registry",
                purpose=Code("TREAT", "2.16.840.1.113883.5.8"),
                audience="https://localhost:8443",
                patient=None,
                confirmation=self.bench.certificate(NODE),
                now=NOW,
            )
            self.tokens[who, role] = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
        return self.tokens[who, role]


def parameters(**told: str) -> dict[str, Any]:
    """A Parameters resource of texts."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name, "valueString": text} for name, text in told.items()],
    }


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return template(tmp_path_factory.mktemp("vigilance") / "conf")


@pytest.fixture(scope="session")
def tokens() -> dict[tuple[str, str], str]:
    return {}


@pytest.fixture
def empty(furnished: Template, tmp_path: Path, tokens: dict[tuple[str, str], str]) -> Iterator[Desk]:
    for bench in standing_bench(furnished, tmp_path):
        yield Desk(bench, tokens)


@pytest.fixture
def desk(empty: Desk) -> Desk:
    """Same day, same house, a given name that is nearly the same: matching leaves it to people."""
    told: Mapping[str, Any] = {"birthDate": "1980-12-24", "address": [HOME], "telecom": [PHONE]}
    empty.feed(HOSPITAL, "1", name=[{"family": "Schmit", "given": ["Anna", "Marie"]}], **told)
    empty.feed(LABORATORY, "2", name=[{"family": "Schmit", "given": ["Anne"]}], **told)
    assert not empty.together()
    return empty


@pytest.fixture
def linked(desk: Desk) -> Desk:
    """Two people have decided that the two are one."""
    task = desk.only()["id"]
    for who in ("eve", "adam"):
        assert desk.decide(task, who).status == 200
    assert desk.together()
    return desk
