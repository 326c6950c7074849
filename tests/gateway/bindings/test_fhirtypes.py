"""gateway.bindings.fhirtypes: the element table, against fhir.resources, and what it refuses."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from gateway.bindings.fhirtypes import check, fits, shapes
from gateway.errors import SchemaInvalid

Resource = dict[str, Any]
LATER = {"CodeableReference", "RatioRange"}
"""Types of R4B that R4 does not have."""


def patient() -> Resource:
    return {
        "resourceType": "Patient",
        "id": "p-1",
        "identifier": [{"system": "urn:oid:2.999.1", "value": "7"}],
        "active": True,
        "name": [{"family": "Test", "given": ["A", None], "_given": [None, {"extension": [EXTENSION]}]}],
        "birthDate": "1970-01",
        "_birthDate": {"id": "b"},
        "multipleBirthInteger": 2,
        "link": [{"other": {"reference": "Patient/2"}, "type": "replaced-by"}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
    }


EXTENSION = {"url": "http://example.org/x", "valueString": "y"}


def test_a_resource_that_follows_the_table() -> None:
    check(patient())


@pytest.mark.parametrize("name", [name for name, shape in shapes().items() if shape.is_resource])
def test_the_table_has_the_elements_of_the_standard_in_their_order(name: str) -> None:
    model = get_fhir_model_class(name)
    ours = list(shapes()[name].elements)
    assert ours == [each for each in model.elements_sequence() if _kept(model, each)]


def _kept(model: Any, name: str) -> bool:
    return not any(later in str(model.model_fields.get(name)) for later in LATER)


def test_every_type_that_is_named_is_there() -> None:
    kinds = {each.type for shape in shapes().values() for each in shape.elements.values()}
    assert {kind for kind in kinds if kind[0].isupper()} - {"Resource"} <= shapes().keys()


def change(path: str, value: Any) -> Callable[[Resource], None]:
    def apply(resource: Resource) -> None:
        *steps, last = path.split(".")
        at: Any = resource
        for step in steps:
            at = at[int(step)] if step.isdecimal() else at[step]
        if value is None:
            del at[last]
        else:
            at[int(last) if last.isdecimal() else last] = value

    return apply


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (change("surname", "X"), "Patient"),
        (change("name.0.surname", "X"), "Patient.name[0]"),
        (change("_name", {"id": "x"}), "Patient"),
        (change("name", {"family": "X"}), "Patient.name"),
        (change("name", []), "Patient.name"),
        (change("name.0", {}), "Patient.name[0]"),
        (change("name.0.family", ["X"]), "Patient.name[0].family"),
        (change("name.0.family", ""), "Patient.name[0].family"),
        (change("name.0.family", " "), "Patient.name[0].family"),
        (change("name.0.family", "a\x00b"), "Patient.name[0].family"),
        (change("name.0.family", "\ud800"), "Patient.name[0].family"),
        (change("active", "true"), "Patient.active"),
        (change("active", 1), "Patient.active"),
        (change("birthDate", "1970-02-30"), "Patient.birthDate"),
        (change("birthDate", "70"), "Patient.birthDate"),
        (change("multipleBirthInteger", True), "Patient.multipleBirthInteger"),
        (change("multipleBirthInteger", 2**31), "Patient.multipleBirthInteger"),
        (change("multipleBirthBoolean", True), "Patient.multipleBirthBoolean"),
        (change("link.0.type", None), "Patient.link[0].type"),
        (change("link.0.other", None), "Patient.link[0].other"),
        (change("identifier.0.system", "a b"), "Patient.identifier[0].system"),
        (change("id", "../x"), "Patient.id"),
        (change("id", "x" * 65), "Patient.id"),
        (change("contained.0.resourceType", "Thing"), "Patient.contained[0]"),
        (change("contained.0.active", "x"), "Patient.contained[0].active"),
        (change("contained.0", "x"), "Patient.contained[0]"),
        (change("name.0.given", ["A", None, "B"]), "Patient.name[0].given"),
        (change("name.0._given", [None, None]), "Patient.name[0].given"),
        (change("name.0._prefix", [None]), "Patient.name[0].prefix"),
        (change("name.0._given.1.extension.0._url", {"id": "x"}), "Patient.name[0].given[1].extension[0]"),
        (change("_id", {"id": "x"}), "Patient"),
        (change("name.0._given.1.extension.0.url", None), "Patient.name[0].given[1].extension[0].url"),
        (change("resourceType", "HumanName"), None),
        (change("resourceType", 1), None),
    ],
)
def test_what_breaks_the_table_is_told_with_its_place(
    edit: Callable[[Resource], None], place: str | None
) -> None:
    resource = deepcopy(patient())
    edit(resource)
    with pytest.raises(SchemaInvalid) as refused:
        check(resource)
    assert refused.value.location == place
    assert "X" not in refused.value.detail.replace("XML", "")


@pytest.mark.parametrize(
    ("value", "kind", "valid"),
    [
        ("2026-01-01T00:00:00Z", "instant", True),
        ("2026-01-01", "instant", False),
        ("2026-01-01T00:00:00.123+02:00", "dateTime", True),
        ("2026-01-01T00:00:00", "dateTime", False),
        ("2026-01T00:00:00Z", "dateTime", False),
        ("2026", "dateTime", True),
        ("2026-13", "date", False),
        ("23:59:60", "time", True),
        ("24:00:00", "time", False),
        ("QQ==", "base64Binary", True),
        ("QUI=", "base64Binary", True),
        ("QQ=", "base64Binary", False),
        ("a b", "code", True),
        ("a  b", "code", False),
        (0, "positiveInt", False),
        (1, "positiveInt", True),
        (1.5, "decimal", True),
        (True, "decimal", False),
        ("urn:oid:2.999", "oid", True),
        ("2.999", "oid", False),
    ],
)
def test_primitive_values(value: Any, kind: str, valid: bool) -> None:  # noqa: FBT001
    assert fits(value, kind) is valid
