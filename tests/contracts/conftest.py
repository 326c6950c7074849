"""A gateway for each contract test, with valid messages of every transaction and ways to break them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.cli.furnishing import furnish
from gateway.cli.init import create
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare as prepare_installation
from gateway.cli.started import serving
from gateway.config import Settings
from gateway.crypto.xmldsig import c14n
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from gateway.stores.migrate import upgrade
from tests.asking import BACK, HART_KEY, enter
from tests.contracts.listing import EXACT, LISTED, Listing
from tests.deciding import Place
from tests.forging import Forge, part_of
from tests.housing import OTHER, PATIENT, TOLD_AT, House, empty_record, standing, transaction_of
from tests.issuing import HART
from tests.messages.consents import REASONS, consent_raw, decision
from tests.messages.every import message, prepare
from tests.messages.fhir import fhir
from tests.messages.hl7v2 import hl7, link_change
from tests.messages.media import import_raw, medium, zipped
from tests.messages.offices import feed_raw
from tests.messages.soap import write_soap
from tests.messages.xds import (
    APPROVED,
    FIND,
    FIND_MANY,
    RIM,
    STORED,
    document,
    on_demand_body,
    provide_pieces,
    register_body,
    stored_query,
    update_body,
)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("contracts") / "home"
    create(home, "integration")
    tester = home / "nodes/tester.toml"
    told = tester.read_text().replace("reply_to = []", f'reply_to = ["{TOLD_AT}"]')
    tester.write_text(f'{told}redirect_uris = ["{BACK}"]\n')
    settings = load_settings(home / "passerelle.toml")
    upgrade(settings.database.url)
    furnish(settings)
    enter(settings, HART, HART_KEY.certificate)
    return settings


@pytest.fixture
def house(installation: Settings, tmp_path: Path) -> Iterator[House]:
    home = standing(installation, tmp_path, empty_record(installation))
    yield home
    asyncio.run(home.gateway.close())


@pytest.fixture(scope="session")
def furnished(installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a record of two known patients and one stored document."""
    folder = tmp_path_factory.mktemp("furnished")
    home = standing(installation, folder, empty_record(installation))
    asyncio.run(prepare(home))
    stored = write_soap(home, transaction_of(home, "ITI-41"), provide_pieces(home, document(home, STORED)))
    answer = asyncio.run(home.call("soap", stored))
    assert b"ResponseStatusType:Success" in b"".join(answer.pieces), answer
    asyncio.run(home.gateway.close())
    return folder


@pytest.fixture
def ready(installation: Settings, furnished: Path, tmp_path: Path) -> Iterator[House]:
    """The house with known patients and one stored document."""
    home = standing(installation, tmp_path, furnished / "record.db", furnished / "content")
    yield home
    asyncio.run(home.gateway.close())


@pytest.fixture
def message_of() -> Callable[[House, AnyTransaction], tuple[str, Raw]]:
    return message


MESSAGE, ABUSE, NODE = "message-security", "protocol-abuse", "110126"


def sender(subcode: str | None = None) -> tuple[int, str, str | None]:
    return 400, "Sender", subcode


@pytest.fixture(scope="session")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of two workers, so that what one keeps another must know; every test has its own patients."""
    config = prepare_installation(tmp_path_factory.mktemp("deciding") / "home", watched=False)
    with serving(config, workers=2):
        yield Place(config)


@pytest.fixture
def forge(ready: House) -> Forge:
    return Forge(ready)


@pytest.fixture
def fresh(house: House) -> Forge:
    """A forge in front of an empty record."""
    return Forge(house)


@pytest.fixture
def how(forge: Forge) -> dict[str, object]:
    """Changes of the engine: the partner is enrolled with two callback addresses."""
    return {"nodes": Listing(forge.house.gateway.engine.nodes, LISTED, EXACT)}


@pytest.fixture(scope="session")
def words() -> SimpleNamespace:
    """Expected answers and audit rows in the words of the cases, and what writes their messages."""
    return SimpleNamespace(
        sender=sender,
        feed_raw=feed_raw,
        wsse=lambda name: sender(f"wsse:{name}"),
        wsa=lambda name: sender(f"wsa:{name}"),
        bare=lambda status: (status, "", None),
        message=("110113", MESSAGE, 8),
        abuse=("110113", ABUSE, 4),
        node=("110113", NODE, 8),
        login=("110114", "110122", 8),
        query=lambda outcome: ("110112", "ITI-18", outcome),
        queried=lambda outcome: ("110112", "ITI-51", outcome),
        provided=lambda outcome: ("110107", "ITI-41", outcome),
        registered=lambda outcome: ("110107", "ITI-42", outcome),
        retrieved=lambda outcome: ("110106", "ITI-43", outcome),
        document=document,
        register_body=register_body,
        on_demand=on_demand_body,
        update_body=update_body,
        c14n=c14n,
        part_of=part_of,
        hl7=hl7,
        link_change=link_change,
        fhir=fhir,
        write_soap=write_soap,
        decision=decision,
        stored_query=stored_query,
        consent_raw=consent_raw,
        REASONS=REASONS,
        medium=medium,
        zipped=zipped,
        import_raw=import_raw,
        standing=standing,
        Forge=Forge,
        empty_record=empty_record,
        STORED=STORED,
        PATIENT=PATIENT,
        OTHER=OTHER,
        RIM=RIM,
        FIND=FIND,
        FIND_MANY=FIND_MANY,
        APPROVED=APPROVED,
    )
