"""The reports of a bulk registration: files in a bucket of AWS IoT's own, behind links.

A report has a JSON object on each line: of a result ``lineNumber``, ``offset`` and ``response``
with ``CertificatePem`` and ``ResourceArns``; of an error ``lineNumber``, ``offset``, ``errorCode``
and ``errorMessage``. The guide describes neither; the first is what AWS's sample reads.
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
"""How many bytes a part of a report has before the next one begins."""

_REGION = "us-east-1"  # whose buckets need no constraint of their location
_LINK_SECONDS = 3600


class Report:
    """A report, of which only the part that is being written is in memory at any time.

    A part that is full goes to S3, and has a link of its own.

    Args:
        bucket: the name of AWS IoT's bucket.
        name: what the names of its parts begin with.
    """

    def __init__(self, bucket: str, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._part = bytearray()
        self._keys: list[str] = []

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line.

        Args:
            entry: what it holds, of values that JSON has.
        """
        self._part += json.dumps(entry).encode() + b"\n"
        if len(self._part) >= PART_BYTES:
            self.store()

    def store(self) -> None:
        """Put what has been written into S3, if there is anything."""
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
        """Return the numbers of the parts in S3, from 1, with links that are good for an hour."""
        return [(number, self._link(key)) for number, key in enumerate(self._keys, 1)]

    def _link(self, key: str) -> str:
        place = {"Bucket": self._bucket, "Key": key}
        link: str = _s3().generate_presigned_url("get_object", place, _LINK_SECONDS)
        server = server_address()
        if server is None:
            return link
        # Who called a server fetches from it, too.
        server_url = urlsplit(server)
        return urlsplit(link)._replace(scheme=server_url.scheme, netloc=server_url.netloc).geturl()


def _s3() -> Any:
    return client_of("s3", SERVICE_ACCOUNT, _REGION)
