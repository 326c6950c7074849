import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.keys import first_key, key_maker, trace_maker

EPOCH_MS = 1_767_225_600_000


def test_keys_of_one_millisecond_differ() -> None:
    make = key_maker(lambda: EPOCH_MS + 5)
    assert len({make() for _ in range(4096)}) == 4096


def test_keys_of_one_maker_always_grow() -> None:
    times = iter([EPOCH_MS + 5] * 6_000 + [EPOCH_MS + 3] * 10 + [EPOCH_MS + 9] * 10)
    make = key_maker(lambda: next(times))
    keys = [make() for _ in range(6_020)]
    assert keys == sorted(set(keys))


def test_keys_of_two_processes_differ_mostly() -> None:
    makers = [key_maker(lambda: EPOCH_MS) for _ in range(20)]
    assert len({make() >> 12 for make in makers}) > 10


@given(st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 1))
def test_keys_are_63_bits_and_grow_with_time(now: int) -> None:
    earlier, later = key_maker(lambda: now)(), key_maker(lambda: now + 1)()
    assert 0 <= earlier < 1 << 63
    assert earlier < later


@given(st.datetimes(datetime(2026, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_first_key_of_an_instant(at: datetime) -> None:
    now = int(at.timestamp() * 1000)
    assert first_key(at) <= key_maker(lambda: now)() < first_key(at + timedelta(milliseconds=2))


def test_no_key_is_older_than_the_epoch() -> None:
    assert first_key(datetime(1990, 1, 1, tzinfo=UTC)) == 0


def test_the_clock_of_the_system_is_used_without_another() -> None:
    before = first_key(datetime.now(UTC))
    assert before <= key_maker()()


def test_trace_ids_sort_by_time_and_differ() -> None:
    times = iter([EPOCH_MS, EPOCH_MS + 1, EPOCH_MS + 1, EPOCH_MS + 86_400_000])
    make = trace_maker(lambda: next(times))
    made = [make() for _ in range(4)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
    assert made[0] < min(made[1:3]) <= max(made[1:3]) < made[3]
    assert made[1] != made[2]
