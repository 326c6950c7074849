import json
from pathlib import Path

import pytest
from cases import BadCollectionError, load, select
from order import plan

OWN = Path(__file__).resolve().parents[2] / "conformance" / "cases.jsonl"


def collection(folder: Path, *found: dict[str, object]) -> Path:
    file = folder / "cases.jsonl"
    file.write_text("\n".join(json.dumps({"expected": {}, **case}) for case in found))
    return file


def ids(folder: Path, *found: dict[str, object], only: list[str] | None = None) -> list[str]:
    read = load(collection(folder, *found))
    return [case.id for case in plan(read.cases, select(read, only or [], []))]


def test_preconditions_run_first_even_of_other_transactions(tmp_path: Path) -> None:
    order = ids(
        tmp_path,
        {"id": "query", "transaction": "ITI-18", "precondition": ["load", "update"]},
        {"id": "update", "transaction": "ITI-57", "precondition": ["load"]},
        {"id": "load", "transaction": "ITI-42", "precondition": ["feed"]},
        {"id": "feed", "transaction": "ITI-8"},
        only=["ITI-18"],
    )
    assert order == ["feed", "load", "update", "query"]


def test_a_check_follows_the_step_it_looks_at(tmp_path: Path) -> None:
    order = ids(
        tmp_path,
        {"id": "first", "transaction": "ITI-18"},
        {"id": "second", "transaction": "ITI-18"},
        {"id": "check first", "transaction": "check", "precondition": ["first"]},
        {"id": "check check", "transaction": "check", "precondition": ["first", "check first"]},
        only=["ITI-18"],
    )
    assert order[:2] == ["first", "check first"]
    assert set(order) == {"first", "check first", "second"} | {"check check"}
    assert order.index("check check") < order.index("second")


def test_default_transactions_leave_out_others(tmp_path: Path) -> None:
    assert ids(tmp_path, {"id": "a", "transaction": "ITI-57"}, {"id": "b", "transaction": "ITI-43"}) == ["b"]


def test_a_circle_is_refused(tmp_path: Path) -> None:
    read = load(
        collection(
            tmp_path,
            {"id": "a", "transaction": "ITI-18", "precondition": ["b"]},
            {"id": "b", "transaction": "ITI-18", "precondition": ["a"]},
        )
    )
    with pytest.raises(BadCollectionError, match="circle"):
        plan(read.cases, ["a"])


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([{"id": "a", "transaction": "check", "precondition": ["b"]}], "unknown cases: b"),
        ([{"id": "a", "transaction": "ITI-8"}, {"id": "a", "transaction": "ITI-8"}], "used twice"),
        ([{"id": "a"}], "without transaction"),
    ],
)
def test_a_bad_collection_is_refused(tmp_path: Path, found: list[dict[str, object]], fault: str) -> None:
    with pytest.raises(BadCollectionError, match=fault):
        load(collection(tmp_path, *found))


def test_an_unknown_case_cannot_be_chosen(tmp_path: Path) -> None:
    read = load(collection(tmp_path, {"id": "a", "transaction": "ITI-8"}))
    with pytest.raises(BadCollectionError, match="no such case: b"):
        select(read, [], ["b"])


def test_every_file_of_our_own_collection_is_there_and_none_too_many() -> None:
    read = load(OWN)
    named = {case.file for case in read.cases.values() if case.file is not None}
    named |= {document.file for case in read.cases.values() for document in case.documents}
    for case in read.cases.values():
        named |= {OWN.parent / d["file"] for d in case.expected.get("documents", ())}
    assert named == set((OWN.parent / "data").iterdir())
    assert len(plan(read.cases, select(read, [], []))) == len(read.cases)


def test_every_token_of_our_own_collection_is_declared_and_used() -> None:
    for case in load(OWN).cases.values():
        text = (
            (case.file.read_text() if case.file is not None else "")
            + str(case.request.get("url", ""))
            + json.dumps({k: v for k, v in case.expected.items() if k != "entries"})
            + str([d.id for d in case.documents])
            + str([d.file.read_text() for d in case.documents if d.fill])
            + str([variable.details["value"] for variable in case.variables if variable.kind == "text"])
        )
        for variable in case.variables:
            assert variable.token in text, (case.id, variable.token)
        for variable in sorted(case.variables, key=lambda v: -len(v.token)):
            text = text.replace(variable.token, "")
        for token in ("$pid$", "$doc$", "$entry$", "$set$", "$repository$", "$old$", "$endpoint$"):
            assert token not in text, (case.id, token)
