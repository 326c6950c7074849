"""The same new person, told by several systems at once through two worker processes, is never made two.

Real sockets, SQLite and PostgreSQL: the messages about one person go over different connections at once.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.client.mllp import MllpClient
from gateway.stores.migrate import upgrade

PEOPLE, CONNECTIONS = 60, 8
DOMAINS = ("2.999.1.1", "2.999.2.1.7", "2.999.2.2.7")
FAMILIES = ("Abend", "Brunnen", "Cygne", "Dauphin", "Erable", "Falke", "Grange", "Hibou", "Igel", "Jardin")


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    changes = {}
    if request.param == "postgresql":
        changes["database.url"] = f'"{request.getfixturevalue("postgres").fresh()}"'
    return prepare(tmp_path / "home", changes)


def message(number: int, root: str) -> bytes:
    """Everybody has a name, a birth date, an address and a telephone number unlike everybody else's."""
    family, other = FAMILIES[number % 10], FAMILIES[number // 10]
    return (
        f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101||ADT^A04|{root}-{number}|P|2.3.1\rEVN|A04|20260101\r"
        f"PID|1||N-{number}^^^&{root}&ISO||{family}^{other}||19{40 + number % 50}0{1 + number % 9}15|F|||"
        f"{number} rue {other}^^Ville {number}^^{1000 + number}||62112{number:04d}\rPV1|1|O\r"
    ).encode()


async def send_all(acting: Acting) -> list[bytes]:
    host, _, port = acting.endpoints.mllp.rpartition(":")
    queue = [(number, root) for number in range(PEOPLE) for root in DOMAINS]
    answers: list[bytes] = []

    async def worker() -> None:
        client = await MllpClient.connect(host, int(port), acting.identity.context())
        async with client:
            while queue:
                answers.append(await client.send(message(*queue.pop(0))))

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return answers


def test_one_person_each(config: Path) -> None:
    settings = load_settings(config)
    upgrade(settings.database.url)
    with serving(config, workers=2):
        answers = asyncio.run(send_all(Acting.at(settings, "hospital", "physician")))
    assert len(answers) == PEOPLE * len(DOMAINS)
    assert all(b"\rMSA|AA|" in each for each in answers)
    for name, sizes in persons(settings.database.url).items():
        assert sizes == [len(DOMAINS)], f"{name} is {len(sizes)} persons"


def persons(url: str) -> dict[str, list[int]]:
    """How many identities each person has, by value: whoever is called alike is one human being here."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.connect() as connection:
            rows = connection.execute(text(_QUERY)).fetchall()
        engine.dispose()
    else:
        rows = asyncio.run(_fetch(url))
    found: dict[str, list[int]] = {}
    for extension, number in rows:
        found.setdefault(extension, []).append(number)
    return found


_QUERY = "SELECT extension, count(*) FROM patient GROUP BY extension, person"


async def _fetch(url: str) -> Any:
    import asyncpg  # noqa: PLC0415 - of one of the databases

    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(_QUERY)]
    finally:
        await connection.close()
