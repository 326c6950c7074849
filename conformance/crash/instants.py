"""When a server is killed: at any time, while it writes its log or a blob, while it starts, or much later."""

from __future__ import annotations

import ctypes
import os
import random
import select
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

IN_MODIFY, IN_MOVED_FROM, IN_CREATE = 0x2, 0x40, 0x100
_EVENT = struct.Struct("iIII")
KINDS = {"time": 0.36, "commit": 0.36, "blob": 0.14, "start": 0.06, "later": 0.08}
"""Share of each kind of moment."""
LONGEST_WAIT = 0.4
"""Seconds a writing is waited for."""
LATER_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """Folders whose files change at a commit, and while a blob is written."""

    log: Path
    log_names: str
    blobs: Path


class Changes:
    """Changes of files in a folder, told by the kernel the moment they happen (inotify)."""

    def __init__(self, folder: Path, wanted: Callable[[str], bool]) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._wanted = wanted
        self._handle = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        mask = IN_MODIFY | IN_CREATE | IN_MOVED_FROM
        if library.inotify_add_watch(self._handle, str(folder).encode(), mask) < 0:
            raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")

    def wait(self, count: int, seconds: float) -> bool:
        """Returns at the change with this number, or False after some seconds."""
        until = time.monotonic() + seconds
        while count > 0:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._handle], [], [], left)[0]:
                return False
            count -= sum(self._wanted(name) for name in _names(os.read(self._handle, 65536)))
        return True

    def close(self) -> None:
        """Stops watching."""
        os.close(self._handle)


def _names(data: bytes) -> Sequence[str]:
    found, at = [], 0
    while at < len(data):
        length = _EVENT.unpack_from(data, at)[3]
        at += _EVENT.size
        found.append(data[at : at + length].rstrip(b"\0").decode())
        at += length
    return found


def choose(chance: random.Random) -> str:
    """A kind of moment."""
    return chance.choices(list(KINDS), list(KINDS.values()))[0]


def await_moment(kind: str, chance: random.Random, watched: Watched) -> str:
    """Sleeps until the moment has come; tells the kind that it became."""
    if kind == "start":
        time.sleep(chance.uniform(0.0, 0.08))
        return kind
    if kind == "later":
        time.sleep(chance.uniform(0.9, 2.6))
        return kind
    time.sleep(chance.uniform(0.02, 0.2))
    if kind == "time":
        return kind
    if kind == "commit":
        changes = Changes(watched.log, lambda name: name.startswith(watched.log_names))
    else:
        changes = Changes(watched.blobs, lambda _: True)
    try:
        met = changes.wait(chance.randint(1, 12 if kind == "commit" else 4), LONGEST_WAIT)
    finally:
        changes.close()
    if met and chance.random() < LATER_SHARE:
        # Half of the kills come a little after: between the write, the wait for the disk, and the answer.
        time.sleep(chance.uniform(0.0, 0.004))
    return kind if met else "time"
