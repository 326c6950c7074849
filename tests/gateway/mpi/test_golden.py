"""What is believed of a person whom several sources tell of."""

from __future__ import annotations

from itertools import permutations

import pytest

from gateway.mpi.golden import Account, golden
from gateway.record.demographics import Address, Demographics, PersonName, Telecom
from gateway.record.people import PatientId

SCHMIT, WEBER = (PersonName(family="Schmit"),), (PersonName(family="Weber"),)


def account(trust: int = 0, changed_at: int = 0, **told: object) -> Account:
    return Account(Demographics(**told), trust, changed_at)  # type: ignore[arg-type]


def test_one_account_is_taken_as_it_is() -> None:
    only = account(names=SCHMIT, birth_date="1980", identifiers=(PatientId("1", "2.999.5"),))
    assert golden([only]) == only.told


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (account(trust=2, names=SCHMIT), account(trust=1, changed_at=9, status="IDVER", names=WEBER)),
        (account(status="VALI", names=SCHMIT), account(changed_at=9, status="PROV", names=WEBER)),
        (account(status="IDVER", names=SCHMIT), account(changed_at=9, names=WEBER)),
        (account(status="DOUT", names=SCHMIT), account(changed_at=9, status="HOMD", names=WEBER)),
        (account(changed_at=9, names=SCHMIT), account(names=WEBER)),
        (account(names=SCHMIT), account(trust=9, birth_date="1980")),
    ],
)
def test_trust_counts_before_proof_and_proof_before_age(better: Account, worse: Account) -> None:
    for order in permutations((better, worse)):
        assert golden(order).names == SCHMIT


def test_every_block_is_of_the_best_account_that_has_one() -> None:
    home, phone = (Address(city="Esch"),), (Telecom(value="621123456"),)
    found = golden(
        [
            account(trust=1, names=SCHMIT, telecoms=phone),
            account(names=WEBER, addresses=home, telecoms=(Telecom(value="1"),)),
        ]
    )
    assert (found.names, found.addresses, found.telecoms) == (SCHMIT, home, phone)


def test_a_block_is_not_mixed() -> None:
    found = golden(
        [account(trust=1, birth_date="19800101"), account(birth_date="19810101", sex="F"), account(sex="M")]
    )
    assert (found.birth_date, found.sex) == ("19800101", None)


def test_what_the_best_account_leaves_out_is_filled_in_where_all_agree() -> None:
    found = golden([account(trust=1, birth_date="19800101"), account(sex="F"), account(sex="F")])
    assert (found.birth_date, found.sex) == ("19800101", "F")


def test_all_identifiers_are_kept_once() -> None:
    one, other = PatientId("1", "2.999.5"), PatientId("2", "2.999.6")
    found = golden([account(identifiers=(one,)), account(trust=1, identifiers=(other, one))])
    assert found.identifiers == (other, one)
    assert golden([account(names=SCHMIT), account(names=WEBER)]).identifiers is None


def test_the_order_of_accounts_of_equal_rank_is_the_one_given() -> None:
    assert golden([account(names=SCHMIT), account(names=WEBER)]).names == SCHMIT
