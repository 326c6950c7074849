"""Work beside the requests begins again after a failure, and ends when it ends by itself."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.cli.lasting import lasting


class Told:
    def __init__(self) -> None:
        self.errors: list[dict[str, Any]] = []

    def error(self, event: str, **facts: Any) -> None:
        self.errors.append({"event": event, **facts})

    warning = info = error


def test_it_begins_again_and_says_so() -> None:
    log, begun = Told(), []

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise KeyError("what nobody thought of")

    asyncio.run(lasting("keeper", work, log, again=0))
    assert begun == [0, 1, 2]
    assert [(each["work"], each["error"]) for each in log.errors] == [("keeper", "KeyError")] * 2


def test_it_ends_when_it_is_cancelled() -> None:
    log = Told()

    async def main() -> bool:
        task = asyncio.create_task(lasting("keeper", asyncio.Event().wait, log, again=0))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        return isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)

    assert asyncio.run(main())
    assert not log.errors
