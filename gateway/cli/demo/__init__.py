"""`passerelle demo`: hospital, laboratory, pharmacy and patient play their parts, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

from gateway.cli.demo import decisions, refusals, scenes, traces
from gateway.cli.demo.actors import Actor, Cast
from gateway.cli.demo.keep import how_to_use
from gateway.cli.demo.papers import read_papers
from gateway.cli.demo.screen import Notes, Screen
from gateway.cli.init import TEST_PARTNERS
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare, serving
from gateway.config import Settings, shipped

_STOPPED = 130

_Scene = tuple[str, Callable[[Cast], Awaitable[Notes]]]
_Part = tuple[str, tuple[_Scene, ...]]

PLAY: tuple[_Part, ...] = (
    (
        "The partners",
        (
            ("Test Hospital connects with mutual TLS", scenes.secured),
            ("Test Clinic is enrolled by certificate request", scenes.admitted),
        ),
    ),
    (
        "A record comes together",
        (
            ("Test Hospital registers the patient Léonie Thilges", scenes.register_patient),
            ("Test Laboratory knows her under a number of its own", scenes.known_elsewhere),
            ("Test Hospital asks which identifiers belong to her", scenes.cross_referenced),
            ("Dr Anne Weber (Test Hospital) sends the discharge letter", scenes.send_discharge),
            (
                "Dr Anne Weber (Test Hospital) sends a confidential psychiatric letter",
                scenes.send_psychiatric,
            ),
            ("Claire Schmit (Test Laboratory) sends the laboratory report", scenes.send_laboratory),
            ("Dr Anne Weber (Test Hospital) sends the prescription", scenes.send_prescription),
        ),
    ),
    (
        "Who sees what",
        (
            ("Marc Muller (pharmacist) finds the patient", scenes.pharmacist_finds_patient),
            (
                "Marc Muller (pharmacist) asks for the documents and sees the prescription",
                scenes.pharmacist_queries,
            ),
            ("Marc Muller (pharmacist) retrieves the prescription", scenes.pharmacist_retrieves),
            ("Marc Muller (pharmacist) finds it through FHIR as well", scenes.pharmacist_searches),
            ("Marc Muller (pharmacist) reads it through FHIR", scenes.pharmacist_reads),
            ("Léonie Thilges (patient) sees everything in her own record", scenes.patient_queries),
            ("Dr Anne Weber (Test Hospital) sees everything", scenes.physician_queries),
            ("Paul Klein (nurse, Test Clinic) sees all but the confidential letter", scenes.nurse_queries),
        ),
    ),
    (
        "What the patient decides",
        (
            (
                "Léonie Thilges (patient) hides her prescription from Marc Muller",
                decisions.hide_prescription,
            ),
            (
                "Marc Muller (pharmacist) no longer sees it, until she takes it back",
                decisions.hidden_until_taken_back,
            ),
        ),
    ),
    (
        "What is refused",
        (
            (
                "Marc Muller (pharmacist) asks for the psychiatric letter by its id: refused",
                refusals.hidden_document,
            ),
            (
                "Dr Anne Weber sends a letter of a patient nobody registered: refused",
                refusals.unknown_patient,
            ),
            ("Somebody changes a signed message on its way: refused", refusals.tampered_message),
            ("A stranger without certificate connects: refused", refusals.stranger),
        ),
    ),
    (
        "Who looked",
        (
            (
                "Another system of the hospital tells that somebody opened a document in it",
                traces.told_by_another,
            ),
            ("Léonie Thilges (patient) reads who looked, in Luxembourgish", traces.reads_journal),
            ("Léonie Thilges (patient) takes her journal away as a signed file", traces.takes_journal_away),
        ),
    ),
    (
        "What the auditor finds",
        (
            ("The auditor verifies the whole trail, without the server", refusals.verified_trail),
            ("The auditor verifies a copy in which one row was changed", refusals.forged_trail),
            ("The auditor has the dossier of a refused access written", traces.writes_dossier),
        ),
    ),
)


def play(*, keep: bool) -> int:
    """Plays it all; 0 when every scene showed what it should. `keep` lets the server go on until Ctrl-C."""
    screen = Screen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.perf_counter()
    try:
        with _folder(keep=keep) as home:
            _perform(home, screen, keep=keep)
    except KeyboardInterrupt:
        screen.say("", "stopped")
        return 0 if keep and not screen.bad else _STOPPED
    return _summary(screen, time.perf_counter() - began)


def _summary(screen: Screen, seconds: float) -> int:
    if screen.bad:
        screen.say("", f"{screen.good} steps were as they should be, then one was not.")
        return 1
    screen.say("", f"All {screen.good} steps as they should be, in {seconds:.1f} s. Nothing is left running.")
    return 0


@contextlib.contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """A folder of its own, which goes away at the end unless it is to be kept."""
    if keep:
        yield Path(tempfile.mkdtemp(prefix="passerelle-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="passerelle-demo-") as name:
        yield Path(name)


def _perform(folder: Path, screen: Screen, *, keep: bool) -> None:
    """Everything between the start of the server and its end."""
    screen.heading("The server")
    began = time.perf_counter()
    config = prepare(folder / "system")
    settings = load_settings(config)
    screen.passed(
        f"A configuration, a test authority and certificates for {len(TEST_PARTNERS)} partners are made",
        began,
    )
    began = time.perf_counter()
    with serving(config):
        server = settings.server
        ports = (
            f"HTTPS {server.port}, MLLP/TLS {server.mllp_port}, operators {server.admin_port} (loopback only)"
        )
        screen.passed("The server is ready", began, (ports,))
        asyncio.run(_scenes(config.parent, settings, screen))
        if keep and not screen.bad:
            screen.say("", *how_to_use(config, settings))
            signal.pause()


async def _scenes(home: Path, settings: Settings, screen: Screen) -> None:
    """Plays until a scene fails."""
    scenes.enrol_clinic(home, settings)
    async with _cast(home, settings) as cast:
        for heading, part in PLAY:
            screen.heading(heading)
            for title, scene in part:
                if not await screen.scene(title, partial(scene, cast)):
                    return


@contextlib.asynccontextmanager
async def _cast(home: Path, settings: Settings) -> AsyncIterator[Cast]:
    """Everybody, with connections that are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def enter(partner: str, role: str) -> Actor:
            actor = Actor.enter(settings, partner, role)
            await stack.enter_async_context(actor.http)
            return actor

        yield Cast(
            home=home,
            settings=settings,
            papers=read_papers(shipped("demo")),
            hospital=await enter("hospital", "physician"),
            laboratory=await enter("laboratory", "laboratory"),
            pharmacist=await enter("pharmacy", "pharmacist"),
            patient=await enter("patient-portal", "patient"),
            clinic=await enter("clinic", "nurse"),
            auditor=await enter("privacy-desk", "auditor"),
        )
