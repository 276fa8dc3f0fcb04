"""``moto-jitp device``: a device's certificate and key on disk."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from .files import (
    CERTIFICATE,
    CHAIN,
    PRIVATE_KEY,
    add_subject_options,
    read_ca,
    subject_of,
    tell_files,
    write_files,
)
from .output import OK, CommandFailed, add_json_option

HELP = "make a device's certificate and key"
DESCRIPTION = f"""\
Issue a device certificate and write {CERTIFICATE}, {PRIVATE_KEY} and {CHAIN}, in the form that MQTT
clients and 'moto-jitp connect' read."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIRECTORY", help="where to write it")
    parser.add_argument("--ca", metavar="DIRECTORY", required=True, help="the CA that issues it")
    add_subject_options(parser)
    add_json_option(parser)


def run(arguments: Namespace) -> int:
    authority = read_ca(arguments.ca)
    try:
        device = authority.issue(**subject_of(arguments))
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    contents = {
        CERTIFICATE: device.certificate_pem,
        PRIVATE_KEY: device.private_key_pem,
        CHAIN: device.chain_pem,
    }
    paths = write_files(arguments.directory, contents, force=arguments.force)
    tell_files(arguments, "device", device.presented.subject_text, device.certificate_id, paths)
    return OK
