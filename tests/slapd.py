"""A directory of operators: OpenLDAP's slapd with TLS and synthetic people, started once for a run."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.started import free_ports
from gateway.config import Operators
from gateway.crypto import pki

SUFFIX = "dc=operators,dc=example"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
SERVICE, SERVICE_SECRET = f"cn=gateway,{SUFFIX}", "service secret of tests"
POLICY = "cn: policy\npwdAttribute: userPassword\npwdLockout: TRUE"
ACCOUNT = f"cn: gateway\nuserPassword: {SERVICE_SECRET}"
READY_SECONDS, FETCH_SECONDS = 10.0, 60.0
PASSWORD = "correct horse {}"
"""The password of a person, by login."""

MEMBERS = {
    "security-integration": ("alice",),
    "editors-integration": ("bob",),
    "auditors-integration": ("erin", "frank"),
    "nodes-integration": ("heidi", "frank", "dave", "hospital"),
    "security-prod": ("carol",),
    "security-preprod": ("carol",),
}
LOGINS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "hospital")
LOCKED = "dave"
ROLES: dict[str, dict[str, str]] = {
    "integration": {
        "security-officer": "security-integration",
        "policy-editor": "editors-integration",
        "auditor": "auditors-integration",
        "node-manager": "nodes-integration",
    },
    "preprod": {"security-officer": "security-preprod"},
    "prod": {"security-officer": "security-prod"},
}


def group(name: str) -> str:
    return f"cn={name},{GROUPS}"


def password(login: str) -> str:
    return PASSWORD.format(login)


@dataclass
class Directory:
    """A slapd in a folder of its own."""

    folder: Path
    program: Path
    schemas: Path
    modules: Path
    libraries: str = ""
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    plain_port: int = 0

    @property
    def trust(self) -> Path:
        return self.folder / "authority.pem"

    @property
    def settings(self) -> Operators:
        """What an installation would say of it; refusals are quick, since many are tested."""
        secret = self.folder / "service.password"
        return Operators(
            url=f"ldaps://localhost:{self.port}",
            trust=self.trust,
            bind_dn=SERVICE,
            bind_password_file=secret,
            user_base=PEOPLE,
            group_base=GROUPS,
            roles={
                place: {role: (group(name),) for role, name in roles.items()}
                for place, roles in ROLES.items()
            },  # type: ignore[arg-type]
            bastions=("0" * 64,),
            answer_seconds=2,
            refusal_seconds=0.2,
        )

    @property
    def changes(self) -> dict[str, str]:
        """The same as lines of passerelle.toml."""
        told = self.settings
        lines = {
            "operators.url": f'"{told.url}"',
            "operators.trust": f'"{told.trust}"',
            "operators.bind_dn": f'"{told.bind_dn}"',
            "operators.bind_password_file": f'"{told.bind_password_file}"',
            "operators.user_base": f'"{told.user_base}"',
            "operators.group_base": f'"{told.group_base}"',
            "operators.refusal_seconds": "0.2",
            "operators.health_port": "0",
        }
        for place, roles in ROLES.items():
            for role, name in roles.items():
                lines[f"operators.roles.{place}.{role}"] = f'["{group(name)}"]'
        return lines

    def write(self) -> None:
        """Certificates, configuration and people."""
        at = datetime.now(UTC)
        authority = pki.create_authority("Directory Authority", "integration", at)
        key = pki.create_key()
        pki.write_pem(self.trust, authority.certificate)
        pki.write_key(self.folder / "server.key", key)
        pki.write_pem(
            self.folder / "server.pem", pki.issue_server(authority, key.public_key(), at, ["localhost"])
        )
        pki.write_secret(self.folder / "service.password", f"{SERVICE_SECRET}\n".encode())
        (self.folder / "data").mkdir()
        (self.folder / "slapd.conf").write_text(self._configuration())
        (self.folder / "people.ldif").write_text(_people())
        self._run("slapadd", "-f", str(self.folder / "slapd.conf"), "-l", str(self.folder / "people.ldif"))

    def start(self) -> None:
        self.port, self.plain_port = free_ports(2) if not self.port else (self.port, self.plain_port)
        urls = f"ldaps://127.0.0.1:{self.port}/ ldap://127.0.0.1:{self.plain_port}/"
        log = (self.folder / "slapd.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.program, "-f", self.folder / "slapd.conf", "-h", urls, "-d", "0"],
                stdout=log,
                stderr=log,
                env=self._environment(),
            )
        deadline = time.monotonic() + READY_SECONDS
        while not _listens(self.port):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError((self.folder / "slapd.log").read_text()[-500:])
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(READY_SECONDS)
            self.process = None

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """The directory is away for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _configuration(self) -> str:
        names = ("core", "cosine", "inetorgperson")
        return "\n".join(
            [
                *[f"include {self.schemas / name}.schema" for name in names],
                f"modulepath {self.modules}",
                "moduleload back_mdb",
                "moduleload ppolicy",
                f"pidfile {self.folder / 'slapd.pid'}",
                f"TLSCACertificateFile {self.trust}",
                f"TLSCertificateFile {self.folder / 'server.pem'}",
                f"TLSCertificateKeyFile {self.folder / 'server.key'}",
                "security simple_bind=128",
                "database mdb",
                f'suffix "{SUFFIX}"',
                f"directory {self.folder / 'data'}",
                "overlay ppolicy",
                f'ppolicy_default "cn=policy,{SUFFIX}"',
                "access to attrs=userPassword by anonymous auth by * none",
                f'access to * by dn.exact="{SERVICE}" read by users read by anonymous auth',
                "",
            ]
        )

    def _run(self, tool: str, *arguments: str) -> None:
        """One of the programs that are slapd under another name."""
        subprocess.run(
            [tool, *arguments],
            executable=self.program,
            check=True,
            capture_output=True,
            env=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": self.libraries} if self.libraries else dict(os.environ)


def _people() -> str:
    entries = [
        f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Operators\ndc: operators",
        f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people",
        f"dn: {GROUPS}\nobjectClass: organizationalUnit\nou: groups",
        f"dn: cn=policy,{SUFFIX}\nobjectClass: organizationalRole\nobjectClass: pwdPolicy\n" + POLICY,
        f"dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n" + ACCOUNT,
    ]
    for login in LOGINS:
        locked = "\npwdAccountLockedTime: 000001010000Z" if login == LOCKED else ""
        entries.append(
            f"dn: uid={login},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {login}\ncn: {login}\nsn: Test\n"
            f"userPassword: {password(login)}{locked}"
        )
    for name, members in MEMBERS.items():
        told = "\n".join(f"member: uid={login},{PEOPLE}" for login in members)
        entries.append(f"dn: {group(name)}\nobjectClass: groupOfNames\ncn: {name}\n{told}")
    return "\n\n".join(entries) + "\n"


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _installed(root: Path = Path("/")) -> dict[str, Any] | None:
    """Where a distribution keeps program, schemas and modules, below a root."""
    on_path = shutil.which("slapd") if root == Path("/") else None
    program = Path(on_path) if on_path else root / "usr/sbin/slapd"
    schemas = [root / "etc/ldap/schema", root / "etc/openldap/schema"]
    modules = [root / "usr/lib/ldap", root / "usr/lib64/openldap", root / "usr/lib/openldap"]
    schema = next((each for each in schemas if (each / "inetorgperson.schema").is_file()), None)
    module = next((each for each in modules if list(each.glob("back_mdb*"))), None)
    if not program.is_file() or schema is None or module is None:
        return None
    return {"program": program, "schemas": schema, "modules": module}


def _fetched(folder: Path) -> dict[str, Any] | None:
    """The package of the distribution, unpacked without being installed."""
    packages = ["slapd", "libldap-2.5-0", "libltdl7", "libodbc2", "libsasl2-2"]
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return None
    try:
        subprocess.run(
            ["apt-get", "download", "-q", *packages],
            cwd=folder,
            check=True,
            timeout=FETCH_SECONDS,
            capture_output=True,
        )
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder / "root"], check=True, capture_output=True)
    except (subprocess.SubprocessError, OSError):
        return None
    found = _installed(folder / "root")
    libraries = sorted({str(each.parent) for each in (folder / "root").rglob("*.so*")})
    if found is None:
        return None
    told = {**found, "libraries": ":".join(libraries)}
    return told if _runs(told) else None


def _runs(found: dict[str, Any]) -> bool:
    """Whether the program finds its libraries here."""
    environment = {**os.environ, "LD_LIBRARY_PATH": found["libraries"]}
    try:
        told = subprocess.run(
            [found["program"], "-VV"],
            env=environment,
            capture_output=True,
            timeout=READY_SECONDS,
            check=False,
        )
    except (subprocess.SubprocessError, OSError):
        return False
    return b"OpenLDAP" in told.stdout + told.stderr


@pytest.fixture(scope="session")
def directory() -> Iterator[Directory]:
    """The running directory; whoever stops it starts it again."""
    # The path of a socket or a data file is short only outside pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="slapd-") as name:
        folder = Path(name)
        found = _installed() or _fetched(folder)
        if found is None:
            pytest.skip("no slapd: not installed, and the package could not be fetched")
        made = Directory(folder, **found)
        made.write()
        made.start()
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def operators(directory: Directory) -> Operators:
    """Settings of that directory."""
    return replace(directory.settings)
