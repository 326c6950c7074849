"""The order of a run: preconditions first, each case once, a check directly after the step it looks at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from cases import BadCollectionError, Case


def plan(cases: Mapping[str, Case], selected: Sequence[str]) -> list[Case]:
    """The cases `selected`, closed over their preconditions and put in order.

    Preconditions may lie in other tests and need not be selected themselves. Within one test the order is
    that of the file, as far as preconditions allow. Raises BadCollectionError on a circle of preconditions.
    """
    planner = _Planner(cases, selected)
    for name in selected:
        planner.visit(name)
    return planner.ordered


class _Planner:
    def __init__(self, cases: Mapping[str, Case], selected: Iterable[str]) -> None:
        self._cases = cases
        self._done: set[str] = set()
        self._open: list[str] = []
        self._checks: dict[str, list[str]] = defaultdict(list)
        self.ordered: list[Case] = []
        for name in selected:
            step = cases[name].looks_at
            if step is not None:
                self._checks[step].append(name)

    def visit(self, name: str) -> None:
        """Place `name` after everything it needs, then the checks that look at it."""
        if name in self._done:
            return
        if name in self._open:
            raise BadCollectionError(f"the preconditions of {name} run in a circle")
        self._open.append(name)
        for needed in self._cases[name].preconditions:
            self.visit(needed)
        self._open.pop()
        if name not in self._done:
            self._done.add(name)
            self.ordered.append(self._cases[name])
            self._follow(name)

    def _follow(self, name: str) -> None:
        for check in self._checks[name]:
            if check not in self._open:
                self.visit(check)
