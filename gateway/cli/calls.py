"""Client commands: token, feed, send, status, query, retrieve, discover; each speaks as a partner."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Option("--config", help="passerelle.toml of an integration installation.")]
Partner = Annotated[str, typer.Option("--as", help="Enrolled partner whose certificate is used.")]
Role = Annotated[
    str, typer.Option(help="Role of the acting person: physician, pharmacist, laboratory, patient.")
]
Patient = Annotated[str, typer.Option(help="Patient identifier id^^^&OID&ISO, or the id alone.")]
_DEFAULT = Path("passerelle.toml")


def register(app: typer.Typer) -> None:
    """Adds the client commands to the command."""
    for function in (token, feed, send, status, query, retrieve, discover):
        app.command()(function)


def token(
    role: Annotated[str, typer.Option("--as", help="physician, pharmacist, laboratory, patient …")],
    config: ConfigFile = _DEFAULT,
    partner: Annotated[
        str, typer.Option(help="Partner whose key the assertion names; empty: bearer.")
    ] = "hospital",
    patient: Annotated[str, typer.Option(help="Only for this patient (id^^^&OID&ISO).")] = "",
    person: Annotated[str, typer.Option(help="Another person than the usual one of the role.")] = "",
) -> None:
    """Print a signed test assertion (integration only)."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    acting = Acting.of(config, partner or "hospital", role, person)
    print(acting.assertion(patient or None, bearer=not partner).decode())


def feed(
    message: Annotated[Path, typer.Argument(help="A file with an HL7 v2 message.")],
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
) -> None:
    """Send an HL7 v2 message over MLLP/TLS and print the acknowledgement."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    answer = asyncio.run(Acting.of(config, partner, "physician").feed(message.read_bytes()))
    print(answer.decode("utf-8", "replace").replace("\r", "\n"))
    raise typer.Exit(0 if b"\rMSA|AA" in answer else 1)


def send(
    document: Annotated[Path, typer.Argument(help="A CDA document or any other file.")],
    patient: Patient,
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
    role: Role = "physician",
    title: Annotated[str, typer.Option(help="Title; default the file's name.")] = "",
    class_code: Annotated[
        str, typer.Option(help="classCode as code^^scheme.")
    ] = "18842-5^^2.16.840.1.113883.6.1",
    confidentiality: Annotated[str, typer.Option(help="N, R or V.")] = "N",
    unique_id: Annotated[str, typer.Option(help="uniqueId of the document; default a new one.")] = "",
    submission_set: Annotated[str, typer.Option(help="uniqueId of the submission; default a new one.")] = "",
) -> None:
    """Provide and register a document (ITI-41) and print its uniqueId.

    With ids of your own a lost answer is no loss: ask `status`, or send again; it has effect once.
    """
    from gateway.cli.partner import Acting  # noqa: PLC0415
    from gateway.client.files import FileContent  # noqa: PLC0415
    from gateway.client.xds import new_oid  # noqa: PLC0415

    acting = Acting.of(config, partner, role)
    unique_id, set_id = unique_id or new_oid(), submission_set or new_oid()
    asyncio.run(
        acting.send(
            FileContent(document),
            patient,
            title or document.stem,
            class_code,
            confidentiality,
            document.suffix,
            unique_id=unique_id,
            set_id=set_id,
            created=datetime.fromtimestamp(document.stat().st_mtime, UTC),
        )
    )
    print(unique_id)


def status(
    submission_set: Annotated[str, typer.Argument(help="uniqueId of the submission, as `send` was told.")],
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
    role: Role = "physician",
) -> None:
    """Tell whether a submission whose answer was lost is registered (ITI-18), with its documents."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    found = asyncio.run(Acting.of(config, partner, role).status(submission_set))
    if found is None:
        print("not registered; send it again with the same ids")
        raise typer.Exit(1)
    print(f"registered, {len(found)} documents")
    for each in found:
        print(f"{each.unique_id}  {each.status.rpartition(':')[2]}")


def query(
    patient: Patient, config: ConfigFile = _DEFAULT, partner: Partner = "hospital", role: Role = "physician"
) -> None:
    """List the documents of a patient (ITI-18 FindDocuments) that the rights let this person see."""
    from gateway.cli.partner import Acting  # noqa: PLC0415

    found = asyncio.run(Acting.of(config, partner, role).query(patient))
    for each in found:
        level = ",".join(each.confidentiality)
        print(f"{each.unique_id}  {each.created:14}  {level:3} {each.class_code:10} {each.title}")
    print(f"{len(found)} documents")


def retrieve(
    unique_id: Annotated[str, typer.Argument(help="uniqueId of the document.")],
    config: ConfigFile = _DEFAULT,
    partner: Partner = "hospital",
    role: Role = "physician",
    output: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
) -> None:
    """Retrieve a document (ITI-43)."""
    from gateway.cli.partner import Acting  # noqa: PLC0415
    from gateway.client.files import FileContent, FileSink  # noqa: PLC0415

    acting = Acting.of(config, partner, role)
    if output is None:
        content = asyncio.run(acting.retrieve(unique_id))
        print(b"".join(content.chunks()).decode("utf-8", "replace"))
        return
    folder = output.absolute().parent
    content = asyncio.run(acting.retrieve(unique_id, outside=lambda: FileSink(folder)))
    if isinstance(content, FileContent):
        content.path.replace(output)
    else:
        output.write_bytes(b"".join(content.chunks()))
    print(f"{content.size} octets written to {output}")


def discover(
    family: Annotated[str, typer.Option(help="Family name.")] = "",
    given: Annotated[list[str] | None, typer.Option(help="Given name; repeat for more.")] = None,
    born: Annotated[str, typer.Option(help="Birth date, YYYYMMDD.")] = "",
    sex: Annotated[str, typer.Option(help="M, F or UN.")] = "",
    patient: Annotated[
        list[str] | None, typer.Option(help="Identifier id^^^&OID&ISO; repeat for more.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="URL of a responding gateway; default this installation.")
    ] = None,
    config: ConfigFile = _DEFAULT,
    partner: Partner = "tester",
) -> None:
    """Ask a community whether it knows a patient (ITI-55): by name and birth date, or by identifier."""
    from gateway.cli.partner import Acting, patient_id  # noqa: PLC0415
    from gateway.client.xcpd import Sought  # noqa: PLC0415

    acting = Acting.of(config, partner, "physician")
    sought = Sought(
        family=family,
        given=tuple(given or ()),
        birth_date=born,
        sex=sex,
        identifiers=tuple(patient_id(acting.full_id(each)) for each in patient or ()),
    )
    found = asyncio.run(acting.discover(sought, at))
    for each in found.matches:
        name = f"{each.name.family}, {' '.join(each.name.given)}" if each.name else "-"
        print(f"{each.home:20} {each.identifiers[0]!s:40} {each.birth_date:8} {name}")
    for reason in (*found.wanted, *found.reasons):
        print(reason)
    print(f"{found.code}: {len(found.matches)} found")
    raise typer.Exit(0 if found.code in {"OK", "NF"} else 1)
