"""What a kept demonstration can be used for: addresses, certificates, commands to try."""

from __future__ import annotations

from pathlib import Path

from gateway.cli.demo.refusals import CHANGED
from gateway.cli.demo.traces import DOSSIER, JOURNAL
from gateway.config import Settings


def how_to_use(config: Path, settings: Settings) -> tuple[str, ...]:
    """Lines for the person in front of the screen."""
    home, url = config.parent, settings.server.public_url
    clients = home / "pki/clients"
    command = f"{_command()} {{}} --config {config}"
    pharmacy = f"--cert {clients}/pharmacy.pem --key {clients}/pharmacy.key --cacert {home}/pki/trust.pem"
    return (
        f"The server goes on at {url}, MLLP/TLS at port {settings.server.mllp_port}; Ctrl-C stops it.",
        f"Configuration  {config}",
        f"Certificates   {clients}/ (hospital, laboratory, pharmacy, patient-portal, clinic, tester, …)",
        f"Server's log   {home}/server.log",
        "",
        "To try in another terminal:",
        f"  {command.format('endpoints')}",
        f"  {command.format('query --patient DEMO-1001 --as pharmacy --role pharmacist')}",
        f"  {command.format('query --patient DEMO-1001 --as hospital --role physician')}",
        f"  {command.format('retrieve 2.999.10.3 --as pharmacy --role pharmacist')}",
        f"  {command.format('node block pharmacy')}",
        f"  {command.format('audit verify')}",
        f"  {_command()} audit verify {home / CHANGED}",
        f"  The patient's journal is {home / JOURNAL}, the auditor's dossier {home / DOSSIER}",
        f"  curl {pharmacy} {url}/fhir/metadata",
        "",
        f"The folder stays when the server stops; {command.format('serve')} starts it again.",
    )


def _command() -> str:
    """How the command is called: through ./run in a checkout."""
    return "./run passerelle" if (Path(__file__).parents[3] / "run").is_file() else "passerelle"
