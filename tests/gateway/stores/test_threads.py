import asyncio
import time
from threading import Event, get_ident

import pytest

from gateway.stores.threads import Beat, HeavyWork, in_thread


def test_the_result_comes_from_another_thread() -> None:
    async def main() -> tuple[int, str]:
        return await in_thread(get_ident), await in_thread("{}{name}".format, 1, name="x")

    thread, text = asyncio.run(main())
    assert (thread != get_ident(), text) == (True, "1x")


def test_an_error_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(divmod, 1, 0))


def test_cancelled_it_ends_when_the_work_has() -> None:
    started, go, ended = Event(), Event(), Event()

    def work() -> None:
        started.set()
        go.wait(5)
        ended.set()

    async def main() -> bool:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(started.wait, 5)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended.is_set()

    assert asyncio.run(main())


def test_heavy_work_has_threads_of_its_own() -> None:
    """The disk does not wait, however much heavy work there is."""
    heavy, go = HeavyWork(), Event()

    async def main() -> list[bool]:
        tasks = [asyncio.create_task(heavy.do(go.wait, timeout=5)) for _ in range(40)]
        assert await in_thread(divmod, 7, 2) == (3, 1)
        assert not any(task.done() for task in tasks)
        go.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [True] * 40
    heavy.close()
    with pytest.raises(RuntimeError):
        asyncio.run(heavy.do(divmod, 1, 1))


def test_a_beat_is_reached_from_wherever_one_starts() -> None:
    beat = Beat(0.05)

    async def wait(late: float) -> float:
        began = time.monotonic() - late
        await beat.wait(began)
        return time.monotonic() - began

    async def all_of_them() -> list[float]:
        return await asyncio.gather(*(wait(late) for late in (0.0, 0.01, 0.049, 0.06, 0.09)))

    found = asyncio.run(all_of_them())
    beat.close()
    assert all(each >= least for each, least in zip(found, (0.05, 0.05, 0.05, 0.1, 0.1), strict=True))
