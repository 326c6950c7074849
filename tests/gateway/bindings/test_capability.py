"""The capability statement: one resource for each type, with what is declared for it and nothing else."""

from datetime import UTC, datetime
from typing import Any

from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from gateway.bindings.capability import capability_statement
from gateway.bindings.fhirtypes import check
from gateway.cli.compose import catalogue
from gateway.declare.actions import Action
from gateway.declare.bindings import Binding, Fhir, Hl7v2
from gateway.declare.events import query_event
from gateway.declare.transaction import Actors, Codec, Target, Transaction

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def declared(binding: Binding) -> Transaction[Any, Any]:
    async def handle(_call: Any, _services: Any) -> Any:
        raise NotImplementedError

    return Transaction(
        code="X-1",
        title="Do",
        section="S 1",
        actors=Actors("A", "B"),
        binding=binding,
        action=Action.DOCUMENT_QUERY,
        audit=query_event("X-1", "Do"),
        codec=Codec(decode=lambda *_: None, encode=lambda *_: None, refuse=lambda _: None),
        target=lambda _: Target(),
        handle=handle,
    )


def test_interactions_by_type() -> None:
    bindings: tuple[Binding, ...] = (
        Fhir("POST", "/Thing"),
        Fhir("GET", "/Thing", (("name", "string"),)),
        Fhir("GET", "/Binary/{id}"),
        Fhir("GET", "/metadata"),
        Fhir("POST", "/Thing/$do"),
        Fhir("POST", "/$take-in", takes="application/zip"),
        Hl7v2("ADT", ("A01",), "ADT_A01", "2.5"),
    )
    statement = capability_statement(map(declared, bindings), "https://x/fhir", NOW)
    CapabilityStatement.model_validate(statement)
    assert statement["date"] == "2026-11-22T09:30:00+00:00"
    assert statement["implementation"]["url"] == "https://x/fhir"
    told = {
        each["type"]: [interaction["code"] for interaction in each["interaction"]]
        for each in statement["rest"][0]["resource"]
    }
    assert told == {"Binary": ["read"], "Thing": ["create", "search-type"]}
    assert statement["rest"][0]["operation"] == [
        {
            "name": "take-in",
            "definition": "https://x/fhir/OperationDefinition/take-in",
            "documentation": "X-1 Do (S 1), POST",
        }
    ]
    assert statement["rest"][0]["resource"][1]["searchParam"] == [{"name": "name", "type": "string"}]


def test_what_a_resource_can_do_beside_its_interactions() -> None:
    profile = "http://x/StructureDefinition/thing"
    bindings: tuple[Binding, ...] = (
        Fhir("PUT", "/Thing", conditional=True, profiles=(profile,)),
        Fhir("DELETE", "/Thing", conditional=True),
        Fhir("GET", "/Thing/{id}", profiles=(profile, f"{profile}-2")),
        Fhir("GET", "/Thing/$do", definition="http://x/OperationDefinition/do"),
        Fhir("POST", "/Thing/$do", definition="http://x/OperationDefinition/do"),
        Fhir("POST", "/Thing/$other"),
    )
    statement = capability_statement(tuple(map(declared, bindings)), "https://x/fhir", NOW)
    CapabilityStatement.model_validate(statement)
    check(statement)
    assert statement["format"] == ["application/fhir+json", "application/fhir+xml"]
    (thing,) = statement["rest"][0]["resource"]
    assert [each["code"] for each in thing["interaction"]] == ["update", "delete", "read"]
    assert thing["supportedProfile"] == [profile, f"{profile}-2"]
    assert (thing["conditionalUpdate"], thing["conditionalDelete"]) == (True, "single")
    assert "operation" not in statement["rest"][0]
    assert thing["operation"] == [
        {
            "name": "do",
            "definition": "http://x/OperationDefinition/do",
            "documentation": "X-1 Do (S 1), GET, POST",
        },
        {
            "name": "other",
            "definition": "https://x/fhir/OperationDefinition/other",
            "documentation": "X-1 Do (S 1), POST",
        },
    ]


def test_patients_in_the_statement_of_this_server() -> None:
    statement = capability_statement(catalogue().transactions(), "https://x/fhir", NOW)
    check(statement)
    (patient,) = [each for each in statement["rest"][0]["resource"] if each["type"] == "Patient"]
    assert [each["code"] for each in patient["interaction"]] == ["update", "delete", "search-type", "read"]
    assert {each["name"] for each in patient["searchParam"]} >= {
        *("_id", "active", "family", "given", "identifier", "telecom", "birthdate", "gender", "address"),
        *("address-city", "address-country", "address-postalcode", "address-state", "mothersMaidenName"),
    }
    assert {each["definition"] for each in patient["operation"]} == {
        "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
        "https://profiles.ihe.net/ITI/PDQm/OperationDefinition/PDQmMatch",
    }
    assert patient["supportedProfile"] == [
        "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Patient",
        "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient",
    ]
    assert (patient["conditionalUpdate"], patient["conditionalDelete"]) == (True, "single")


def test_no_version_of_the_product_is_told() -> None:
    statement = capability_statement((), "https://x/fhir", NOW)
    assert statement["software"] == {"name": "Passerelle"}
