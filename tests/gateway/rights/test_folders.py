"""A folder on a list stands for the documents in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.record.access import Behind, Listing, Opposition, PatientRights, Raising
from gateway.rights.folders import names_of, widened

NAMES = st.frozensets(st.sampled_from(["folder-1", "folder-2", "letter", "report", "scan"]), max_size=4)
LISTINGS = st.lists(st.builds(Listing, st.sampled_from(["a", "b", "*"]), documents=NAMES), max_size=3)
RAISINGS = st.lists(st.builds(Raising, NAMES, st.integers(1, 3)), max_size=3)
RIGHTS = st.builds(
    PatientRights,
    blacklist=LISTINGS.map(tuple),
    whitelist=LISTINGS.map(tuple),
    raisings=RAISINGS.map(tuple),
)
MEMBERS = st.dictionaries(
    st.sampled_from(["folder-1", "folder-2"]), st.frozensets(st.sampled_from(["letter", "report", "new"]))
)
OFFSPRING = st.dictionaries(
    st.sampled_from(["letter", "report", "new"]), st.frozensets(st.sampled_from(["scan", "copy"]))
)
FOLDER = Behind({"folder-1": frozenset({"letter", "report"})}, {"report": frozenset({"copy"})})


def test_without_a_folder_nothing_changes() -> None:
    rights = PatientRights(blacklist=(Listing("a", documents=frozenset({"letter"})), Listing("b")))
    assert widened(rights, Behind()) is rights
    assert widened(rights, FOLDER) == rights
    assert names_of(PatientRights(oppositions=(Opposition(),))) == frozenset()


def test_an_entry_for_the_whole_record_stays_one() -> None:
    """It names no documents; to add some would make it narrower."""
    rights = PatientRights(
        blacklist=(Listing("a"), Listing("b", documents=frozenset({"folder-1"}))),
        raisings=(Raising(frozenset({"folder-1"}), 3),),
    )
    found = widened(rights, FOLDER)
    assert found.blacklist[0] == Listing("a")
    assert found.blacklist[1].documents == {"folder-1", "letter", "report", "copy"}
    assert found.raisings[0].documents == {"folder-1", "letter", "report", "copy"}


def test_what_came_of_a_document_stays_shut_with_it_and_is_not_opened_with_it() -> None:
    report = frozenset({"report"})
    rights = PatientRights(
        blacklist=(Listing("*", documents=report),),
        whitelist=(Listing("a", documents=report),),
        raisings=(Raising(report, 3),),
    )
    found = widened(rights, FOLDER)
    assert found.blacklist[0].documents == {"report", "copy"}
    assert found.raisings[0].documents == {"report", "copy"}
    assert found.whitelist[0].documents == {"report"}


@given(RIGHTS, MEMBERS, OFFSPRING)
def test_every_entry_names_what_it_named_and_what_is_in_its_folders(
    rights: PatientRights, members: dict[str, frozenset[str]], offspring: dict[str, frozenset[str]]
) -> None:
    found = widened(rights, Behind(members, offspring))
    for before, after in zip(rights.whitelist, found.whitelist, strict=True):
        assert after.documents == before.documents | under(before.documents, members)
    for before, after in (
        *zip(rights.blacklist, found.blacklist, strict=True),
        *zip(rights.raisings, found.raisings, strict=True),
    ):
        meant = before.documents | under(before.documents, members)
        assert after.documents == meant | under(meant, offspring)


def under(names: frozenset[str], held: dict[str, frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*(held.get(each, frozenset()) for each in names))
