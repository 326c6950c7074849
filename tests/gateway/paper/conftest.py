from datetime import UTC, datetime

import pytest

from gateway.paper.model import Attachment, Grid, Heading, Pairs, Paper, Paragraph, Tone

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e張\x00 & <b>Łódź'


@pytest.fixture(scope="session")
def paper() -> Paper:
    return Paper(
        title=f"Access to {HOSTILE}",
        language="fr-LU",
        created=NOW,
        author="Gateway <of> tests",
        subject=HOSTILE,
        footer=f"Foot {HOSTILE}",
        blocks=(
            Heading(f"One {HOSTILE}"),
            Paragraph(f"first line\nsecond {HOSTILE}"),
            Paragraph("in small", Tone.SMALL),
            Pairs((("Patient", HOSTILE), ("Digest", "ab" * 64))),
            Heading("Two", 3),
            Grid(("When", "Who"), tuple((str(number), HOSTILE) for number in range(80)), (1, 3)),
        ),
        attachment=Attachment("machine.json", "application/json", "Machine form", b'{"x": "<script>"}'),
    )
