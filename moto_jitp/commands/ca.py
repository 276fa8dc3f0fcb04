"""``moto-jitp ca``: test CAs on disk."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .files import (
    CERTIFICATE,
    PRIVATE_KEY,
    add_subject_options,
    read_ca,
    subject_of,
    tell_files,
    write_files,
)
from .output import EXIT_CODES, OK, CommandFailed, add_json_option, print_help, say

HELP = "make a test CA, or prove to AWS IoT that its key is yours"
DESCRIPTION = f"""\
Makes certificate authorities for tests. A CA's directory has {CERTIFICATE} and {PRIVATE_KEY}; pass
the first to register-ca-certificate as --ca-certificate file://..."""


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    print_help(parser)
    new = actions.add_parser("new", help="make a CA", epilog=EXIT_CODES)
    new.add_argument("directory", metavar="DIRECTORY", help="where to write it")
    new.add_argument(
        "--parent", metavar="DIRECTORY", help="the parent CA; without it the CA is self-signed"
    )
    add_subject_options(new)
    add_json_option(new)
    new.set_defaults(run=_new)
    proof = actions.add_parser(
        "verification-certificate",
        help="make the verification certificate for a registration code",
        epilog=EXIT_CODES,
    )
    proof.add_argument("directory", metavar="DIRECTORY", help="the CA's")
    proof.add_argument("code", metavar="CODE", help="the code that get-registration-code returned")
    proof.add_argument(
        "--output", metavar="FILE", help="where to write it (default: standard output)"
    )
    proof.add_argument("--force", action="store_true", help="overwrite an existing file")
    proof.set_defaults(run=_verification_certificate)


def _new(arguments: Namespace) -> int:
    from moto_jitp.pki import CertificateAuthority, read_certificate

    parent = read_ca(arguments.parent) if arguments.parent else None
    try:
        authority = CertificateAuthority(parent=parent, **subject_of(arguments))
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    contents = {CERTIFICATE: authority.certificate_pem, PRIVATE_KEY: authority.private_key_pem}
    paths = write_files(arguments.directory, contents, force=arguments.force)
    subject = read_certificate(authority.certificate_pem).subject_text
    tell_files(arguments, "CA", subject, authority.certificate_id, paths)
    return OK


def _verification_certificate(arguments: Namespace) -> int:
    try:
        pem = read_ca(arguments.directory).verification_certificate(arguments.code)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    if arguments.output is None:
        say(*pem.splitlines())
    else:
        path = Path(arguments.output)
        write_files(str(path.parent), {path.name: pem}, force=arguments.force)
    return OK
