"""The endpoints of an account and Region: stable addresses that identify both."""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from boto3 import Session
from moto.iot.models import FakeDomainConfiguration, FakeEndpoint, IoTBackend

from moto_jitp import settings
from moto_jitp.iot.exceptions import InvalidRequest
from moto_jitp.iot.registry.registry import Registry

_SUFFIXES = {
    "iot:Data-ATS": "-ats.iot",
    "iot:Data": ".iot",
    "iot:CredentialProvider": ".credentials.iot",
    "iot:Jobs": ".jobs.iot",
}
# The endpoints that devices connect to with MQTT; those of the credentials provider and of jobs
# speak HTTPS.
_FOR_DEVICES = ("iot:Data-ATS", "iot:Data")
_FOR_CREDENTIALS = "iot:CredentialProvider"
_ADDRESS = re.compile(
    r"(?P<prefix>a[0-9a-z]{13})(?P<suffix>-ats\.iot|\.iot|\.credentials\.iot|\.jobs\.iot)"
    r"\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class LocalEndpoint(NamedTuple):
    """A device endpoint that runs in this process.

    Attributes:
        host: the host name that devices connect to.
        port: the port.
        alpn_port: the port for devices that name an application protocol; ``None`` for none.
        root_ca_pem: the root certificate that devices must trust, as PEM text.
        https_port: the port for requests over HTTPS, including those to the credentials provider;
            ``None`` for none.
    """

    host: str
    port: int
    alpn_port: int | None
    root_ca_pem: str
    https_port: int | None = None


local_endpoints: list[LocalEndpoint] = []
"""The device endpoints of this process, oldest first."""


def endpoint_domains(endpoint_type: str = "iot:Data") -> tuple[str, ...]:
    """The domains of endpoints in every Region, such as ``iot.eu-west-1.amazonaws.com``.

    Args:
        endpoint_type: one of AWS's endpoint types, such as ``iot:CredentialProvider``.
    """
    return tuple(
        endpoint_address("000000000000", region_name, endpoint_type).partition(".")[2]
        for partition in ("aws", "aws-cn")
        for region_name in Session().get_available_regions("iot", partition_name=partition)
    )


@dataclass(frozen=True)
class EndpointAddress:
    """The parts of an endpoint's host name."""

    account_id: str
    region_name: str
    endpoint_type: str

    @property
    def is_for_devices(self) -> bool:
        """Whether devices connect there with MQTT."""
        return self.endpoint_type in _FOR_DEVICES


@functools.lru_cache(maxsize=256)
def endpoint_address(account_id: str, region_name: str, endpoint_type: str) -> str:
    """Return the host name of an endpoint, always the same for the same arguments.

    Args:
        account_id: twelve digits.
        region_name: such as ``eu-west-1``.
        endpoint_type: one of AWS's endpoint types, such as ``iot:Data-ATS``.
    """
    domain = "amazonaws.com.cn" if region_name.startswith("cn-") else "amazonaws.com"
    return f"{_prefix(account_id)}{_SUFFIXES[endpoint_type]}.{region_name}.{domain}"


@functools.lru_cache(maxsize=256)
def parse_endpoint(address: str) -> EndpointAddress | None:
    """Parse the host name of an endpoint.

    Args:
        address: a host name, with or without ``https://`` and a port.

    Returns:
        ``None`` if it is not an endpoint that ``describe_endpoint`` returns.
    """
    host = re.sub(r"^\w+://", "", address.strip()).partition("/")[0].partition(":")[0]
    match = _ADDRESS.fullmatch(host.lower())
    if match is None:
        return None
    account_id = _account_of(match["prefix"])
    if account_id is None:
        return None
    kind = next(kind for kind, suffix in _SUFFIXES.items() if suffix == match["suffix"])
    return EndpointAddress(account_id, match["region"], kind)


def _prefix(account_id: str) -> str:
    """AWS's prefixes are 14 letters and digits that start with an "a" and identify the account.

    Ours spell the account in base 36, so that an address alone leads back to it, and end in a
    checksum, so that a mistyped one leads nowhere.
    """
    number, spelled = int(account_id), ""
    for _ in range(8):
        number, digit = divmod(number, 36)
        spelled = _DIGITS[digit] + spelled
    return "a" + spelled + hashlib.sha256(account_id.encode()).hexdigest()[:5]


def _account_of(prefix: str) -> str | None:
    account_id = f"{int(prefix[1:9], 36):012d}"
    return account_id if len(account_id) == 12 and _prefix(account_id) == prefix else None


# Measured on AWS in 2026; API_DescribeEndpoint still lists these types.
_RETIRED = {
    "iot:Data": "iot:Data is not supported. Please use iot:Data-ATS instead.",
    "iot:Jobs": (
        "IoT Jobs and Commands APIs are now available through iot:Data-ATS. Please use "
        "iot:Data-ATS instead."
    ),
}


class Endpoints:
    """DescribeEndpoint, and the names by which devices may reach this account and Region.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._data_address = self.address()

    def describe_endpoint(self, endpoint_type: str) -> FakeEndpoint:
        """Return an endpoint, as DescribeEndpoint does.

        Args:
            endpoint_type: such as ``iot:Data-ATS``.

        Raises:
            InvalidRequest: there is no such type, or AWS has retired it and ``strict`` is on.
        """
        if settings.current().strict and endpoint_type in _RETIRED:
            raise InvalidRequest(_RETIRED[endpoint_type])
        if endpoint_type not in _SUFFIXES:
            bare = f"Endpoint type {endpoint_type} not recognized."
            raise InvalidRequest(f"{bare} The types are: {', '.join(_SUFFIXES)}.", bare=bare)
        endpoint: FakeEndpoint = IoTBackend.describe_endpoint(self._registry.moto, endpoint_type)
        endpoint.endpoint = self.address(endpoint_type)
        if settings.current().local_endpoint and local_endpoints:
            local = local_endpoints[-1]
            if endpoint_type in _FOR_DEVICES:
                endpoint.endpoint = f"{local.host}:{local.port}"
            elif endpoint_type == _FOR_CREDENTIALS and local.https_port is not None:
                endpoint.endpoint = f"{local.host}:{local.https_port}"
        return endpoint

    def address(self, endpoint_type: str = "iot:Data-ATS") -> str:
        """Return the host name of one of this account's and Region's endpoints."""
        return endpoint_address(
            self._registry.account_id, self._registry.region_name, endpoint_type
        )

    def serves(self, server_name: str, *, credentials: bool = False) -> bool:
        """Whether a server name (SNI) is one of this account's and Region's device endpoints.

        Those are the account's own, and the enabled domain configurations for data.

        Args:
            server_name: the name.
            credentials: whether to check the endpoints of the credentials provider instead.
        """
        if server_name == self._data_address and not credentials:
            return True
        address = parse_endpoint(server_name)
        if address is not None:
            account_and_region = (self._registry.account_id, self._registry.region_name)
            kinds = (_FOR_CREDENTIALS,) if credentials else _FOR_DEVICES
            is_meant = address.endpoint_type in kinds
            return is_meant and account_and_region == (address.account_id, address.region_name)
        services = ("CREDENTIAL_PROVIDER",) if credentials else (None, "DATA")
        configuration = self.domain_configuration_of(server_name)
        return (
            configuration is not None
            and configuration.domain_configuration_status != "DISABLED"
            and configuration.service_type in services
        )

    def domain_configuration_of(self, server_name: str) -> FakeDomainConfiguration | None:
        """Return the domain configuration with this domain name; ``None`` if none has it."""
        same_named = (
            c
            for c in self._registry.moto.domain_configurations.values()
            if c.domain_name == server_name
        )
        # Of several, the one in use counts.
        return min(
            same_named, key=lambda c: c.domain_configuration_status == "DISABLED", default=None
        )
