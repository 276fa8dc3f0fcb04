"""Reads and writes the files of commands, with errors that people understand."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output import USAGE, CommandFailed, say, say_json

if TYPE_CHECKING:
    from moto_jitp.pki import CertificateAuthority, DeviceIdentity

CERTIFICATE, PRIVATE_KEY, CHAIN = "certificate.pem", "private_key.pem", "chain.pem"
"""The files of a CA or of a device in its directory; a CA has no chain."""

_STDIN = "-"


def read_text(path: str) -> str:
    """Read a text file; ``-`` is standard input.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        if path == _STDIN:
            return sys.stdin.read()
        return Path(path).read_text("utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(f"cannot read {path}: {reason}.", USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed(f"cannot read {path}: it is not UTF-8 text.", USAGE) from None


def write_files(directory: str, contents: dict[str, str], *, force: bool) -> dict[str, Path]:
    """Write files into a directory; private keys readable by their owner only.

    Args:
        directory: made if it does not exist.
        contents: file name to text.
        force: whether to replace existing files.

    Returns:
        File name to path.

    Raises:
        CommandFailed: one of them exists, or cannot be written.
    """
    folder = Path(directory)
    paths = {name: folder / name for name in contents}
    existing_paths = [str(path) for path in paths.values() if path.exists()]
    if existing_paths and not force:
        raise CommandFailed(f"{existing_paths[0]} already exists; use --force to overwrite it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in paths.items():
            path.unlink(missing_ok=True)
            mode = 0o600 if name == PRIVATE_KEY else 0o666
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(contents[name])
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CommandFailed(f"cannot write into {directory}: {reason}.") from None
    return paths


def read_ca(directory: str) -> CertificateAuthority:
    """Read a CA that ``ca new`` wrote, or one in files with the same names.

    Raises:
        CommandFailed: there is none.
    """
    from moto_jitp.pki import CertificateAuthority

    certificate = read_text(str(Path(directory) / CERTIFICATE))
    key = read_text(str(Path(directory) / PRIVATE_KEY))
    try:
        return CertificateAuthority.from_pem(certificate, key)
    except ValueError as error:
        raise CommandFailed(f"{directory} has no usable CA: {error}") from None


def read_device(path: str, key_path: str | None) -> DeviceIdentity | str:
    """Read a device: its certificate alone, with a key, or a directory that ``device`` wrote.

    Raises:
        CommandFailed: it cannot be read.
    """
    from moto_jitp.pki import CertificateError, DeviceIdentity

    if Path(path).is_dir():
        folder = Path(path)
        if key_path is None and (folder / PRIVATE_KEY).exists():
            key_path = str(folder / PRIVATE_KEY)
        path = str(folder / (CHAIN if (folder / CHAIN).exists() else CERTIFICATE))
    certificate = read_text(path)
    if key_path is None:
        return certificate
    try:
        return DeviceIdentity.from_pem(certificate, read_text(key_path))
    except CertificateError as error:
        raise CommandFailed(f"{path}: {error}") from None
    except ValueError as error:
        raise CommandFailed(f"{key_path}: {error}") from None


SUBJECT_OPTIONS = {
    "country": "C, two letters",
    "state": "ST",
    "locality": "L",
    "organization": "O",
    "organizational_unit": "OU",
    "dn_qualifier": "dnQualifier",
    "serial_number": "the subject attribute serialNumber, not the certificate's serial number",
}


def add_subject_options(parser: ArgumentParser) -> None:
    """Give a command an option for each field of a subject, and for key and validity."""
    parser.add_argument("--common-name", metavar="TEXT", help="CN (default: a generated name)")
    for name, meaning in SUBJECT_OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help=meaning)
    parser.add_argument(
        "--key", choices=("ec", "rsa"), default="ec", help="kind of key: P-256 or 2048 bit"
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")


def subject_of(arguments: Namespace) -> dict[str, Any]:
    """Return the subject fields of the command line, and the kind of key, for ``pki``."""
    names = ("common_name", *SUBJECT_OPTIONS)
    subject_fields = {name: getattr(arguments, name) for name in names}
    return {"key": arguments.key, **{k: v for k, v in subject_fields.items() if v is not None}}


def tell_files(
    arguments: Namespace, kind: str, subject: str, certificate_id: str, paths: dict[str, Path]
) -> None:
    """Say what was made and where it is, as text or as JSON."""
    if arguments.json:
        names = {CERTIFICATE: "certificate", PRIVATE_KEY: "privateKey", CHAIN: "chain"}
        files = {names[name]: str(path) for name, path in paths.items()}
        say_json({"subject": subject, "certificateId": certificate_id, **files})
        return
    say(f"{kind} {subject or '(no subject)'}", f"  certificate id: {certificate_id}")
    say(*(f"  {path}" for path in paths.values()))
