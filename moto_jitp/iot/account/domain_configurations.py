"""Domain configurations: endpoints with names and rules of their own.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-custom-endpoints-configurable.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from moto.iot.models import FakeDomainConfiguration
from moto.moto_api._internal import mock_random

from moto_jitp import settings
from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation_if_strict,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import InvalidRequest, ResourceAlreadyExists, ResourceNotFound
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags

AWS_MANAGED, CUSTOMER_MANAGED = "AWS_MANAGED", "CUSTOMER_MANAGED"
DISABLED_BEFORE_DELETION = timedelta(days=7)
"""How long a configuration with an AWS domain name must have been DISABLED."""

_TLS_DEFAULT = {"securityPolicy": "IoTSecurityPolicy_TLS13_1_2_2022_10"}
# What devices use here: MQTT over mutual TLS, with the certificate as identity.
_CARRIED_OUT = {
    "authenticationType": ("DEFAULT", "AWS_X509"),
    "applicationProtocol": ("DEFAULT", "SECURE_MQTT"),
}
_DESCRIBED = (
    "tlsConfig",
    "serverCertificateConfig",
    "authenticationType",
    "applicationProtocol",
)


class DomainConfiguration(FakeDomainConfiguration):
    """A domain configuration with all the members that AWS describes.

    Attributes:
        details: the members that moto's own class lacks, by the names of the model.
    """

    details: dict[str, Any]

    def to_description_dict(self) -> dict[str, Any]:
        return {**super().to_description_dict(), **self.details}


class DomainConfigurations:
    """Keeps domain configurations; with ``strict`` off, like moto.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self._registry = registry
        self.tags = tags
        tags.add_kind("domainconfiguration", self._by_path)

    def _by_path(self, path: str) -> FakeDomainConfiguration | None:
        """Find a configuration by the end of its ARN: its name and five characters."""
        configuration = self._all.get(path.partition("/")[0])
        is_it = configuration is not None and configuration.domain_configuration_arn.endswith(
            f"/{path}"
        )
        return configuration if is_it else None

    @property
    def _all(self) -> dict[str, FakeDomainConfiguration]:
        return self._registry.moto.domain_configurations

    def named(self, name: str) -> FakeDomainConfiguration:
        """Return a domain configuration.

        Raises:
            ResourceNotFound: there is none of that name (own wording).
        """
        configuration = self._all.get(name)
        if configuration is None:
            raise ResourceNotFound(f"The domain configuration {name} does not exist.")
        return configuration

    def create(self, arguments: Mapping[str, Any]) -> FakeDomainConfiguration:
        """Create a domain configuration.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreateDomainConfiguration.html

        Args:
            arguments: the input of CreateDomainConfiguration.

        Raises:
            InvalidRequest: it has a setting that is not emulated.
            LimitExceeded: it would have too many tags.
            ResourceAlreadyExists: there is one of that name.
        """
        registry, name = self._registry, arguments["domainConfigurationName"]
        _check(arguments)
        with registry.lock:
            existing = self._all.get(name)
            if existing is not None:
                raise ResourceAlreadyExists(
                    "Domain configuration with given name already exists.",
                    name,
                    existing.domain_configuration_arn,
                )
            domain_name = arguments.get("domainName")
            configuration = DomainConfiguration(
                registry.account_id,
                registry.region_name,
                name,
                domain_name or self._managed_name(),
                arguments.get("serverCertificateArns", []),
                "ENABLED",
                arguments.get("serviceType", "DATA"),
                arguments.get("authorizerConfig"),
                CUSTOMER_MANAGED if domain_name else AWS_MANAGED,
            )
            configuration.last_status_change_date = acting_moment()
            configuration.details = {"tlsConfig": _TLS_DEFAULT, **_details(arguments)}
            self.tags.tag(configuration.domain_configuration_arn, arguments.get("tags"))
            self._all[name] = configuration
            return configuration

    def _managed_name(self) -> str:
        # Different from the account's own endpoints, which all begin with an "a".
        label = mock_random.get_random_string(length=13, lower_case=True)
        return f"d{label}-ats.iot.{self._registry.region_name}.amazonaws.com"

    def update(self, arguments: Mapping[str, Any]) -> FakeDomainConfiguration:
        """Change a domain configuration.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateDomainConfiguration.html

        Args:
            arguments: the input of UpdateDomainConfiguration.

        Raises:
            InvalidRequest: it has a setting that is not emulated.
            ResourceNotFound: there is none of that name.
        """
        _check(arguments)
        with self._registry.lock:
            configuration = self.named(arguments["domainConfigurationName"])
            status = arguments.get("domainConfigurationStatus")
            if status is not None and status != configuration.domain_configuration_status:
                configuration.domain_configuration_status = status
                configuration.last_status_change_date = acting_moment()
            if "authorizerConfig" in arguments:
                configuration.authorizer_config = arguments["authorizerConfig"]
            if arguments.get("removeAuthorizerConfig"):
                configuration.authorizer_config = None
            if isinstance(configuration, DomainConfiguration):
                configuration.details = {**configuration.details, **_details(arguments)}
            return configuration

    def delete(self, name: str) -> None:
        """Delete a domain configuration that is DISABLED; with an AWS domain name, for seven days.

        https://docs.aws.amazon.com/iot/latest/developerguide/iot-custom-endpoints-managing.html

        Raises:
            InvalidRequest: it is not, or not for long enough (own wording).
            ResourceNotFound: there is none of that name.
        """
        with self._registry.lock:
            configuration = self.named(name)
            if settings.current().strict:
                _check_deletion(configuration)
            del self._all[name]
            self.tags.untag_all(configuration.domain_configuration_arn)


def _check_deletion(configuration: FakeDomainConfiguration) -> None:
    name = configuration.domain_configuration_name
    if configuration.domain_configuration_status != "DISABLED":
        raise InvalidRequest(
            f"The domain configuration {name} is {configuration.domain_configuration_status}. "
            "Disable it with UpdateDomainConfiguration before you delete it."
        )
    if configuration.domain_type != AWS_MANAGED:
        return
    earliest = configuration.last_status_change_date + DISABLED_BEFORE_DELETION
    if acting_moment() < earliest:
        raise InvalidRequest(
            f"The domain configuration {name} has a domain name that AWS manages, so it must be "
            f"DISABLED for seven days before it can be deleted: until {earliest:%Y-%m-%d %H:%M} "
            "UTC."
        )


def _check(arguments: Mapping[str, Any]) -> None:
    for member, values in _CARRIED_OUT.items():
        value = arguments.get(member)
        if value is not None and value not in values:
            raise InvalidRequest(
                f"The {member} {value} is not emulated: devices connect with MQTT over mutual TLS. "
                f"Give one of {', '.join(values)}, or leave it out."
            )
    if arguments.get("clientCertificateConfig"):
        raise InvalidRequest(
            "clientCertificateConfig is not emulated: no Lambda function is invoked before a "
            "device connects. Leave it out."
        )


def _details(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {member: arguments[member] for member in _DESCRIBED if member in arguments}


@operation_over_moto("CreateDomainConfiguration", DomainConfigurations)
def create_domain_configuration(
    configurations: DomainConfigurations, arguments: Input, moto: CallMoto
) -> Output:
    if settings.current().strict:
        return dict(configurations.create(arguments).to_dict())
    output = moto()
    configurations.tags.tag(output["domainConfigurationArn"], arguments.get("tags"))
    return output


@operation_if_strict("UpdateDomainConfiguration", DomainConfigurations)
def update_domain_configuration(configurations: DomainConfigurations, arguments: Input) -> Output:
    return dict(configurations.update(arguments).to_dict())


@operation_if_strict("DescribeDomainConfiguration", DomainConfigurations)
def describe_domain_configuration(configurations: DomainConfigurations, arguments: Input) -> Output:
    configuration = configurations.named(arguments["domainConfigurationName"])
    return dict(configuration.to_description_dict())


@operation_if_strict("DeleteDomainConfiguration", DomainConfigurations)
def delete_domain_configuration(configurations: DomainConfigurations, arguments: Input) -> None:
    configurations.delete(arguments["domainConfigurationName"])
