"""The reports of a bulk registration: files in a bucket of AWS IoT's own, behind links.

A report has a JSON object on each line: for a result ``lineNumber``, ``offset`` and ``response``
with ``CertificatePem`` and ``ResourceArns``; for an error ``lineNumber``, ``offset``, ``errorCode``
and ``errorMessage``. The guide describes neither; AWS's sample reads the former.
https://docs.aws.amazon.com/iot/latest/apireference/API_ListThingRegistrationTaskReports.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from moto_jitp.aws.clients import client_of
from moto_jitp.iot.api.request_address import server_address

from .input_file import stored_object

SERVICE_ACCOUNT = "000000000000"
"""The account in which AWS IoT keeps reports, so that the customer's bucket list does not show
them."""

PART_BYTES = 1 << 23
"""The number of bytes after which a new part of a report begins."""

_REGION = "us-east-1"  # whose buckets need no location constraint
_LINK_SECONDS = 3600


class Report:
    """A report, of which only the part that is being written is in memory at any time.

    A full part is stored in S3 and has its own link.

    Args:
        bucket: the name of AWS IoT's bucket.
        name: the prefix of its parts' names.
    """

    def __init__(self, bucket: str, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._part = bytearray()
        self._keys: list[str] = []

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line.

        Args:
            entry: the line's members, as JSON values.
        """
        self._part += json.dumps(entry).encode() + b"\n"
        if len(self._part) >= PART_BYTES:
            self.store()

    def store(self) -> None:
        """Store what has been written in S3, if anything."""
        if not self._part:
            return
        key = f"{self._name}-{len(self._keys) + 1}.json"
        client = _s3()
        client.create_bucket(Bucket=self._bucket)
        client.put_object(Bucket=self._bucket, Key=key, Body=bytes(self._part))
        # moto would keep parts of this size in memory.
        stored_object(SERVICE_ACCOUNT, _REGION, self._bucket, key)._value_buffer.rollover()
        self._keys.append(key)
        self._part = bytearray()

    def discard(self) -> None:
        """Delete the report."""
        self._part = bytearray()
        for key in self._keys:
            _s3().delete_object(Bucket=self._bucket, Key=key)
        self._keys = []

    def links(self) -> list[tuple[int, str]]:
        """Return the numbers of the parts in S3, from 1, with links that are valid for an hour."""
        return [(number, self._link(key)) for number, key in enumerate(self._keys, 1)]

    def _link(self, key: str) -> str:
        place = {"Bucket": self._bucket, "Key": key}
        link: str = _s3().generate_presigned_url("get_object", place, _LINK_SECONDS)
        server = server_address()
        if server is None:
            return link
        # A caller of a server also downloads from it.
        server_url = urlsplit(server)
        return urlsplit(link)._replace(scheme=server_url.scheme, netloc=server_url.netloc).geturl()


def _s3() -> Any:
    return client_of("s3", SERVICE_ACCOUNT, _REGION)
