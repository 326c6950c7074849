"""A ZIP archive from somebody else: bounded, looked through before anything is unpacked (APPNOTE 6.3).

Nothing is ever written to a file system under a name of the archive; members are read in pieces.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

from gateway.errors import Malformed, MediaTypeUnsupported, TooComplex, TooLarge

_PIECE = 64 * 1024
_LOCAL, _END, _LOCATOR = b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _LOCATOR_SIZE, _COMMENT = 22, 20, 65_535
_DIRECTORY_SHARE = 512
"""Octets of the directory for each member: a name and what some programs add to it."""
_FREE = 1024 * 1024
"""So much may be unpacked whatever the ratio: small texts of blanks are no attack."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """Members of an archive, octets of one and of all unpacked, and how far they may be compressed."""

    members: int = 5_000
    document: int = 100 * 1024 * 1024
    total: int = 256 * 1024 * 1024
    ratio: int = 100


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive, which can be read several times. `name` is as it was written."""

    name: str
    _archive: zipfile.ZipFile
    _info: zipfile.ZipInfo

    @property
    def size(self) -> int:
        """Number of octets."""
        return self._info.file_size

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start; Malformed where they are not those that the directory promises."""
        try:
            with self._archive.open(self._info) as opened:
                while piece := opened.read(_PIECE):
                    yield piece
        except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
            raise Malformed("the file is damaged: its checksum or length is wrong", location="ZIP") from error


Files = Mapping[str, Member]
"""Files by path, in upper case: media come from systems that keep case and from others."""


def open_archive(file: BinaryIO, limits: MediaLimits) -> Files:
    """The files of an archive; Malformed, MediaTypeUnsupported, TooLarge or TooComplex.

    `file` stays open as long as members are read.
    """
    size = _check_frame(file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (*_DAMAGED, NotImplementedError) as error:
        raise Malformed("the ZIP directory cannot be read", location="ZIP") from error
    infos = archive.infolist()
    _check_totals(infos, size, limits)
    found: dict[str, Member] = {}
    for info in infos:
        name = _checked_name(info)
        _check_kind(info)
        if info.is_dir():
            continue
        if name.upper() in found:
            raise Malformed("two files have the same name", location="ZIP")
        found[name.upper()] = Member(name, archive, info)
    return MappingProxyType(found)


def _check_frame(file: BinaryIO, limits: MediaLimits) -> int:
    """What the archive says of its directory is believable; gives the size. Nothing is parsed before."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(4) not in {_LOCAL, _END}:
        raise Malformed("not a ZIP archive", location="ZIP")
    start = max(size - _END_SIZE - _COMMENT, 0)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise Malformed("the ZIP archive is incomplete", location="ZIP")
    count, directory = struct.unpack("<HI", tail[at + 10 : at + 16])
    if tail[max(at - _LOCATOR_SIZE, 0) : at].startswith(_LOCATOR) or count > limits.members:
        raise TooComplex(f"more than {limits.members} files on the medium", location="ZIP")
    if directory > limits.members * _DIRECTORY_SHARE:
        raise TooComplex("the ZIP directory is larger than its files need", location="ZIP")
    return size


def _check_totals(infos: list[zipfile.ZipInfo], size: int, limits: MediaLimits) -> None:
    if len(infos) > limits.members:
        raise TooComplex(f"more than {limits.members} files on the medium", location="ZIP")
    packed, unpacked = sum(each.compress_size for each in infos), sum(each.file_size for each in infos)
    if packed > size:
        raise Malformed("files of the ZIP archive overlap", location="ZIP")
    if unpacked > limits.total:
        raise TooLarge(f"the medium unpacks to more than {limits.total} bytes", location="ZIP")
    if unpacked > _FREE + limits.ratio * packed:
        raise TooLarge(f"the medium unpacks to more than {limits.ratio} times its size", location="ZIP")


def _checked_name(info: zipfile.ZipInfo) -> str:
    """The path with plain slashes; refused where it could lead anywhere else than below the root."""
    name = info.orig_filename.replace("\\", "/")
    steps = name.removesuffix("/").split("/")
    if "\0" in name or ":" in name or any(step in {"", ".", ".."} for step in steps):
        raise Malformed("a file name leads out of the medium or is no path", location="ZIP")
    return name


def _check_kind(info: zipfile.ZipInfo) -> None:
    """Files and directories, as they are or deflated; no links, no secrets."""
    if info.flag_bits & _ENCRYPTED:
        raise MediaTypeUnsupported("files are encrypted, expected plain ones", location="ZIP")
    if info.compress_type not in _METHODS:
        raise MediaTypeUnsupported("a file is compressed in another way than deflate", location="ZIP")
    mode = info.external_attr >> 16
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        raise Malformed("the ZIP archive holds a link or a device", location="ZIP")
