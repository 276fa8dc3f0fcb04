"""The operations that list role aliases and domain configurations."""

from __future__ import annotations

from moto.iot.models import FakeDomainConfiguration

from moto_jitp.iot.api.operations import Input, Output
from moto_jitp.iot.api.paging import Page, listing
from moto_jitp.iot.registry.registry import Registry


@listing("ListRoleAliases", Registry, ascending=False)
def list_role_aliases(registry: Registry, arguments: Input, page: Page) -> Output:
    aliases = page.cut(registry.role_aliases.after(page.number, ascending=page.ascending))
    return page.output("roleAliases", [alias.role_alias for alias in aliases])


@listing("ListDomainConfigurations", Registry)
def list_domain_configurations(registry: Registry, arguments: Input, page: Page) -> Output:
    kind = arguments.get("serviceType")
    configurations: list[FakeDomainConfiguration] = [
        configuration
        for configuration in registry.moto.domain_configurations.values()
        if kind in (None, configuration.service_type)
    ]
    items_of_page = page.cut_sorted(
        configurations, lambda configuration: str(configuration.domain_configuration_name)
    )
    return page.output(
        "domainConfigurations",
        [
            {**configuration.to_dict(), "serviceType": configuration.service_type}
            for configuration in items_of_page
        ],
    )
