"""What is on a medium, line by line, for somebody who looks at it without a gateway (ITI TF-2 3.32.4.1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from gateway.errors import Problem
from profiles.xdm.wire.archive import MediaLimits
from profiles.xdm.wire.media import MediaSet, content_problems, read_medium


def listing(file: BinaryIO) -> tuple[list[str], bool]:
    """The lines, and whether the medium is whole: layout, hash and size. Patients are not named."""
    medium = read_medium(file, MediaLimits())
    problems = list(medium.problems)
    lines: list[str] = []
    for item in medium.sets:
        problems += content_problems(item)
        lines += _set_lines(item)
    lines += [_problem_line(each) for each in problems]
    return lines, all(each.warning for each in problems)


def _set_lines(item: MediaSet) -> Iterator[str]:
    head = item.submission.submission_set
    yield f"{item.directory}  SubmissionSet {head.unique_id}  of {head.submission_time}"
    for entry in item.submission.documents:
        size = item.contents[entry.id].size if entry.id in item.contents else 0
        yield f"  {entry.uri or '-':16} {size:>10}  {entry.mime_type:20} {entry.title or entry.unique_id}"
    for folder in item.submission.folders:
        yield f"  folder {folder.title or folder.unique_id}"


def _problem_line(problem: Problem) -> str:
    return f"{'warning' if problem.warning else 'error'}: {problem.location}: {problem.context}"
