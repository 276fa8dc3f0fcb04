"""The input file of a bulk registration: its lines, read from moto's S3 piece by piece.

https://docs.aws.amazon.com/iot/latest/developerguide/bulk-provisioning.html
"""

from __future__ import annotations

import io
import json
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from moto.utilities.utils import get_partition

from moto_jitp.aws.clients import client_of
from moto_jitp.aws.moto_check import check_names_of

LONGEST_LINE = 256_000
"""The maximum number of bytes of a line."""

_PIECE = 1 << 16


class UnreadableFile(Exception):  # noqa: N818 - becomes the message of a task that has failed
    """The input file does not exist or cannot be read; the text is for the task's ``message``."""


class BadLine(ValueError):  # noqa: N818 - becomes a line of the task's errors
    """A line is not a JSON object of parameters; the text says what it is instead."""


class Line(NamedTuple):
    """A line of the file.

    Attributes:
        number: its number, from 1.
        offset: the number of bytes before it.
        text: the line without its end, or ``None`` for one that is too long.
    """

    number: int
    offset: int
    text: bytes | None

    def parameters(self) -> dict[str, str]:
        """Return the parameters that the line holds, name to value.

        Numbers are taken literally as text.

        Raises:
            BadLine: it does not hold such parameters.
        """
        if self.text is None:
            raise BadLine(f"The line has more than {LONGEST_LINE} bytes.")
        try:
            parameters: Any = json.loads(
                self.text, parse_int=str, parse_float=str, parse_constant=_no_number
            )
        except (ValueError, RecursionError) as error:
            raise BadLine(f"The line is not valid JSON: {error}") from None
        if not isinstance(parameters, dict):
            raise BadLine("The line must be a JSON object of parameter names and values.")
        for name, value in parameters.items():
            if not isinstance(value, str):
                raise BadLine(
                    f"The value of the parameter {name} must be a string or a number, found "
                    f"{json.dumps(value)[:80]}."
                )
        return parameters


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a valid JSON number.")


class InputFile:
    """A file in S3, of which only a piece is in memory at any time.

    It remains the file that was opened, even if another replaces it.

    Args:
        account_id: the account whose S3 has it.
        region_name: the Region.
        bucket: the bucket's name.
        key: the object's key.

    Attributes:
        size: its length in bytes.
        position: how many bytes have been read.

    Raises:
        UnreadableFile: there is no such object, or S3 does not return it.
    """

    def __init__(self, account_id: str, region_name: str, bucket: str, key: str) -> None:
        try:
            head = client_of("s3", account_id, region_name).head_object(Bucket=bucket, Key=key)
        except (
            BotoCoreError,
            ClientError,
        ) as error:  # the former for impossible bucket names
            raise UnreadableFile(
                f"The input file s3://{bucket}/{key} cannot be read: {error}"
            ) from None
        self.size = int(head["ContentLength"])
        raw = _Stored(stored_object(account_id, region_name, bucket, key), self.size)
        self._reader = io.BufferedReader(raw, _PIECE)
        self._number = 0
        self.position = 0

    def next_line(self) -> Line | None:
        """Read the next line that is not empty.

        Returns:
            The line; ``None`` at the file's end.

        Raises:
            UnreadableFile: the object is gone from moto's S3.
        """
        while True:
            offset = self.position
            text = self._read()
            if not text:
                return None
            self._number += 1
            is_too_long = len(text.rstrip(b"\r\n")) > LONGEST_LINE
            while is_too_long and text and not text.endswith(b"\n"):
                text = self._read()
            if is_too_long:
                return Line(self._number, offset, None)
            if text.strip():
                return Line(self._number, offset, text.rstrip(b"\r\n"))

    def _read(self) -> bytes:
        try:
            text = self._reader.readline(LONGEST_LINE + 2)
        except ValueError as error:  # moto closes the file of a deleted object
            raise UnreadableFile(
                f"The input file was deleted while it was being read: {error}"
            ) from None
        self.position += len(text)
        return text


def stored_object(account_id: str, region_name: str, bucket: str, key: str) -> Any:
    """Return moto's own S3 object, whose bytes it keeps in a file.

    Args:
        account_id: the account whose S3 is read; the bucket may belong to another account.
        region_name: the Region.
        bucket: the bucket's name.
        key: the object's key.
    """
    check_names_of("moto.s3.models")
    from moto.s3.models import s3_backends  # slow to import, and few tests need it

    return s3_backends[account_id][get_partition(region_name)].get_object(bucket, key)


class _Stored(io.RawIOBase):
    """The bytes of an object, read from the file in which moto keeps them.

    moto's GetObject would hold the whole object in memory, again for each range.
    """

    def __init__(self, stored_file: Any, size: int) -> None:
        self._stored = stored_file
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        with self._stored.lock:
            self._stored._value_buffer.seek(self._at)
            piece = self._stored._value_buffer.read(length)
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
