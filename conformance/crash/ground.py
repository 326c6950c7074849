"""Where a run takes place: an installation, its database, its files, and the notes of its clients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster import Cluster
from instants import Watched

from gateway.cli.furnishing import furnish
from gateway.cli.settings import checked_settings
from gateway.cli.started import free_ports, prepare
from gateway.config import Settings
from gateway.crypto import pki
from gateway.stores.marker import ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One installation. `receiver` is the port of the audit receiver, `notes` what clients were told."""

    name: str
    settings: Settings
    receiver: int
    notes: Path
    cluster: Cluster | None

    @property
    def watched(self) -> Watched:
        """What changes on the disk while something is written."""
        blobs = self.settings.content.directory / "incoming"
        if self.cluster is not None:
            return Watched(self.cluster.log, "", blobs)
        database = Path(self.settings.database.url.removeprefix("sqlite:///"))
        return Watched(database.parent, f"{database.name}-wal", blobs)


def lay(folder: Path, name: str) -> Ground:
    """A new installation on `sqlite` or `postgresql`, furnished; its server is not started yet."""
    home = folder / name
    cluster = None
    (receiver,) = free_ports(1)
    address = f'{{ name = "outside", address = "tls://localhost:{receiver}" }}'
    changes = {
        "audit.destinations": f"[{address}]",
        "audit.retry_seconds": "0.1",
        "audit.resend_seconds": "1.0",
    }
    if name == "postgresql":
        cluster = Cluster(folder / "cluster")
        cluster.start()
        changes["database.url"] = f'"{cluster.url}"'
    config = prepare(home, changes)
    _certify(home / "pki")
    settings = checked_settings(config)
    ready(settings.database.url, settings.environment)
    furnish(settings)
    return Ground(
        name=name, settings=settings, receiver=receiver, notes=home / "notes.jsonl", cluster=cluster
    )


def _certify(folder: Path) -> None:
    """A certificate for the audit receiver."""
    authority = pki.load_authority(folder / "authority.pem", folder / "authority.key", "integration")
    key = pki.create_key()
    pki.write_key(folder / "receiver.key", key)
    issued = pki.issue_server(authority, key.public_key(), datetime.now(UTC), ["localhost"])
    pki.write_pem(folder / "receiver.pem", issued)
