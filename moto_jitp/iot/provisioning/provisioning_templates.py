"""Provisioning templates as resources: nine operations, versions, tags.

https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.common_models import BaseModel
from moto.core.utils import utcnow

from moto_jitp import settings
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import (
    InvalidRequest,
    IoTError,
    LimitExceeded,
    ResourceAlreadyExists,
    ResourceNotFound,
    VersionsLimitExceeded,
)
from moto_jitp.iot.permissions.provisioning_role import ProvisioningRoles
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags
from moto_jitp.templates import TemplateSource

from .resolved_template import ResolvedTemplate
from .template_rules import (
    FLEET_PROVISIONING,
    JITP,
    check_registered_body,
    check_stored_body,
    checked_hook,
)

MAX_VERSIONS = 5
MAX_FLEET_TEMPLATES = 256
_DEFAULT_PAGE = 25


@dataclass
class TemplateVersion:
    """One version of a template; the body is stored unchanged."""

    version_id: int
    body: str
    creation_date: datetime

    @property
    def sequence(self) -> int:
        return self.version_id


class ProvisioningTemplate(BaseModel):
    """A stored provisioning template with its versions."""

    def __init__(
        self,
        name: str,
        arn: str,
        sequence: int,
        body: str,
        *,
        role_arn: str,
        template_type: str,
        description: str | None,
        enabled: bool,
        hook: dict[str, str] | None,
    ) -> None:
        self.name = name
        self.arn = arn
        self.sequence = sequence
        self.role_arn = role_arn
        self.template_type = template_type
        self.description = description
        self.enabled = enabled
        self.hook = hook
        self.creation_date = self.last_modified_date = utcnow()
        self.versions = {1: TemplateVersion(1, body, self.creation_date)}
        self.default_version_id = 1
        self._last_version_id = 1

    @property
    def body(self) -> str:
        """The default version's body."""
        return self.versions[self.default_version_id].body

    def add_version(self, body: str) -> TemplateVersion:
        """Add a version with the next id; ids of deleted versions are not reused."""
        self._last_version_id += 1
        version = TemplateVersion(self._last_version_id, body, utcnow())
        self.versions[version.version_id] = version
        self.last_modified_date = version.creation_date
        return version

    def summary(self) -> dict[str, Any]:
        """The fields in lists, from which AWS omits the description."""
        return {
            "templateArn": self.arn,
            "templateName": self.name,
            "creationDate": self.creation_date,
            "lastModifiedDate": self.last_modified_date,
            "enabled": self.enabled,
            "type": self.template_type,
        }

    def to_description_dict(self) -> dict[str, Any]:
        return {
            **self.summary(),
            "description": self.description,
            "defaultVersionId": self.default_version_id,
            "templateBody": self.body,
            "provisioningRoleArn": self.role_arn,
            "preProvisioningHook": self.hook,
        }


class ProvisioningTemplates:
    """Keeps provisioning templates.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
        roles: checks the role of a template.
    """

    def __init__(self, registry: Registry, tags: Tags, roles: ProvisioningRoles) -> None:
        self._registry = registry
        self._tags = tags
        self._roles = roles
        self.provisioning_templates: dict[str, ProvisioningTemplate] = {}
        tags.add_kind("provisioningtemplate", self.provisioning_templates.get)

    def create_provisioning_template(
        self,
        template_name: str,
        template_body: str,
        role_arn: str,
        *,
        template_type: str | None = None,
        description: str | None = None,
        enabled: bool = False,
        hook: dict[str, str] | None = None,
        tags: list[dict[str, str]] | None = None,
    ) -> ProvisioningTemplate:
        """Store a new template as version 1.

        Raises:
            ResourceAlreadyExists: the name is taken.
            InvalidRequest: the body is not a template, there is a hook on a JITP template, or the
                hook names no function.
            LimitExceeded: for the 257th fleet provisioning template.
        """
        kind = template_type or FLEET_PROVISIONING
        with self._registry.lock:
            existing = self.provisioning_templates.get(template_name)
            if existing is not None:
                raise ResourceAlreadyExists(
                    f"Template with name {template_name} already exists",
                    template_name,
                    existing.arn,
                )
            check_stored_body(template_body)
            hook = checked_hook(hook, kind)
            self._check_fleet_limit(kind)
            arn = self._registry.arn(f"provisioningtemplate/{template_name}")
            self._roles.check(role_arn, template_name)
            template = ProvisioningTemplate(
                template_name,
                arn,
                next(self._registry.sequences),
                template_body,
                role_arn=role_arn,
                template_type=kind,
                description=description or None,
                enabled=enabled,
                hook=hook,
            )
            self._tags.tag(template.arn, tags)
            self.provisioning_templates[template_name] = template
            return template

    def _check_fleet_limit(self, kind: str) -> None:
        if kind != FLEET_PROVISIONING:
            return
        stored_templates = self.provisioning_templates.values()
        if (
            sum(t.template_type == FLEET_PROVISIONING for t in stored_templates)
            >= MAX_FLEET_TEMPLATES
        ):
            raise LimitExceeded(
                f"The account already has {MAX_FLEET_TEMPLATES} fleet provisioning templates, the "
                "maximum that AWS IoT allows."
            )

    def describe_provisioning_template(self, template_name: str) -> ProvisioningTemplate:
        """Return a template.

        Raises:
            ResourceNotFound: there is none of that name.
        """
        template = self.provisioning_templates.get(template_name)
        if template is None:
            raise ResourceNotFound(f"Unable to find template named {template_name}")
        return template

    def jitp_template(self, template_name: str) -> ProvisioningTemplate:
        """Return a template that a CA certificate can refer to.

        Raises:
            ResourceNotFound: there is none of that name.
            InvalidRequest: it is of another type.
        """
        template = self.describe_provisioning_template(template_name)
        if template.template_type != JITP and settings.current().strict:
            raise InvalidRequest(
                f"The template {template_name} of the registrationConfig has the type "
                f"{template.template_type}; a CA certificate needs one of type {JITP}. The type is "
                "set when a template is created and cannot be changed."
            )
        return template

    def resolve(self, source: TemplateSource) -> ResolvedTemplate:
        """Return the template and the role that a source refers to now.

        Args:
            source: a stored template's name, or a body.
        """
        if source.name is None:
            return ResolvedTemplate(None, source.body or "", source.role_arn)
        stored_template = self.provisioning_templates.get(source.name)
        role_arn = source.role_arn or (
            stored_template.role_arn if stored_template is not None else None
        )
        try:
            template = self.jitp_template(source.name)
            return ResolvedTemplate(
                source.name, template.body, role_arn, enabled=bool(template.enabled)
            )
        except IoTError as problem:
            return ResolvedTemplate(source.name, None, role_arn, problem)

    def check(self, source: TemplateSource) -> None:
        """Refuse a source that a CA certificate cannot have.

        Args:
            source: a stored template's name, or a body.

        Raises:
            InvalidRequest: there are both a name and a body, the body is not a template that could
                provision a device just in time, its role is missing, or the stored template has
                another type.
            ResourceNotFound: there is no template of that name.
        """
        if source.name and source.body:
            raise InvalidRequest(
                "The registrationConfig has both a templateBody and a templateName; give only one."
            )
        if source.name:
            self.jitp_template(source.name)
        elif source.body is not None:
            check_registered_body(source.body)
            if not source.role_arn:
                raise InvalidRequest(
                    "The registrationConfig has a templateBody but no roleArn; AWS IoT needs the "
                    "role to provision devices."
                )

    def update_provisioning_template(
        self,
        template_name: str,
        *,
        description: str | None = None,
        enabled: bool | None = None,
        default_version_id: int | None = None,
        role_arn: str | None = None,
        hook: dict[str, str] | None = None,
        remove_hook: bool = False,
    ) -> None:
        """Change the given members; the body is changed by adding a version.

        Raises:
            ResourceNotFound: there is no template of that name.
            InvalidRequest: the default version does not exist, a hook is set on a JITP template, or
                the hook names no function.
        """
        with self._registry.lock:
            template = self.describe_provisioning_template(template_name)
            if default_version_id is not None and default_version_id not in template.versions:
                raise InvalidRequest(
                    f"Unable to set version {default_version_id} as the default, version does not "
                    "exist"
                )
            hook = checked_hook(hook, template.template_type)
            if role_arn is not None:
                self._roles.check(role_arn, template_name)
                template.role_arn = role_arn
            if description is not None:
                template.description = description or None
            if enabled is not None:
                template.enabled = enabled
            if default_version_id is not None:
                template.default_version_id = default_version_id
            if hook is not None:
                template.hook = hook
            if remove_hook:
                template.hook = None
            template.last_modified_date = utcnow()

    def delete_provisioning_template(self, template_name: str) -> None:
        """Delete a template with its versions; CAs keep referring to it.

        Raises:
            ResourceNotFound: there is none of that name.
        """
        with self._registry.lock:
            template = self.provisioning_templates.pop(template_name, None)
            if template is None:
                raise ResourceNotFound("Unable to delete template, template not found")
            self._tags.untag_all(template.arn)

    def create_provisioning_template_version(
        self, template_name: str, template_body: str, set_as_default: bool
    ) -> tuple[ProvisioningTemplate, TemplateVersion]:
        """Add a version.

        Raises:
            ResourceNotFound: there is no template of that name.
            InvalidRequest: the body is not a template.
            VersionsLimitExceeded: the template has five versions already.
        """
        with self._registry.lock:
            template = self.describe_provisioning_template(template_name)
            check_stored_body(template_body)
            if len(template.versions) >= MAX_VERSIONS:
                raise VersionsLimitExceeded(template_name)
            version = template.add_version(template_body)
            if set_as_default:
                template.default_version_id = version.version_id
            return template, version

    def describe_provisioning_template_version(
        self, template_name: str, version_id: int
    ) -> tuple[ProvisioningTemplate, TemplateVersion]:
        """Return one version.

        Raises:
            ResourceNotFound: there is no such template, or no such version of it.
        """
        template = self.describe_provisioning_template(template_name)
        version = template.versions.get(version_id)
        if version is None:
            raise ResourceNotFound(
                f"Unable to find a template version with ID {version_id} for template "
                f"{template_name}"
            )
        return template, version

    def delete_provisioning_template_version(self, template_name: str, version_id: int) -> None:
        """Delete a version other than the default one.

        Raises:
            ResourceNotFound: there is no such template, or no such version of it.
            InvalidRequest: it is the default version.
        """
        with self._registry.lock:
            template = self.describe_provisioning_template(template_name)
            if version_id not in template.versions:
                raise ResourceNotFound(f"Unable to find template version {version_id}")
            if version_id == template.default_version_id:
                raise InvalidRequest(
                    f"Unable to delete template version {version_id}, it is the default version"
                )
            del template.versions[version_id]
            template.last_modified_date = utcnow()


@operation("CreateProvisioningTemplate", ProvisioningTemplates)
def create_provisioning_template(templates: ProvisioningTemplates, arguments: Input) -> Output:
    template = templates.create_provisioning_template(
        arguments["templateName"],
        arguments["templateBody"],
        arguments["provisioningRoleArn"],
        template_type=arguments.get("type"),
        description=arguments.get("description"),
        enabled=arguments.get("enabled", False),
        hook=arguments.get("preProvisioningHook"),
        tags=arguments.get("tags"),
    )
    return {
        "templateArn": template.arn,
        "templateName": template.name,
        "defaultVersionId": template.default_version_id,
    }


@operation("DescribeProvisioningTemplate", ProvisioningTemplates)
def describe_provisioning_template(templates: ProvisioningTemplates, arguments: Input) -> Output:
    return templates.describe_provisioning_template(arguments["templateName"]).to_description_dict()


@operation("UpdateProvisioningTemplate", ProvisioningTemplates)
def update_provisioning_template(templates: ProvisioningTemplates, arguments: Input) -> None:
    templates.update_provisioning_template(
        arguments["templateName"],
        description=arguments.get("description"),
        enabled=arguments.get("enabled"),
        default_version_id=arguments.get("defaultVersionId"),
        role_arn=arguments.get("provisioningRoleArn"),
        hook=arguments.get("preProvisioningHook"),
        remove_hook=arguments.get("removePreProvisioningHook", False),
    )


@operation("DeleteProvisioningTemplate", ProvisioningTemplates)
def delete_provisioning_template(templates: ProvisioningTemplates, arguments: Input) -> None:
    templates.delete_provisioning_template(arguments["templateName"])


@operation("ListProvisioningTemplates", ProvisioningTemplates)
def list_provisioning_templates(templates: ProvisioningTemplates, arguments: Input) -> Output:
    page = Page("ListProvisioningTemplates", arguments, default_size=_DEFAULT_PAGE)
    items_of_page = page.cut_numbered(templates.provisioning_templates.values())
    return page.output("templates", [template.summary() for template in items_of_page])


@operation("CreateProvisioningTemplateVersion", ProvisioningTemplates)
def create_provisioning_template_version(
    templates: ProvisioningTemplates, arguments: Input
) -> Output:
    template, version = templates.create_provisioning_template_version(
        arguments["templateName"], arguments["templateBody"], arguments.get("setAsDefault", False)
    )
    return {
        "templateArn": template.arn,
        "templateName": template.name,
        "versionId": version.version_id,
        "isDefaultVersion": version.version_id == template.default_version_id,
    }


@operation("DescribeProvisioningTemplateVersion", ProvisioningTemplates)
def describe_provisioning_template_version(
    templates: ProvisioningTemplates, arguments: Input
) -> Output:
    template, version = templates.describe_provisioning_template_version(
        arguments["templateName"], arguments["versionId"]
    )
    return {
        "versionId": version.version_id,
        "creationDate": version.creation_date,
        "templateBody": version.body,
        "isDefaultVersion": version.version_id == template.default_version_id,
    }


@operation("DeleteProvisioningTemplateVersion", ProvisioningTemplates)
def delete_provisioning_template_version(
    templates: ProvisioningTemplates, arguments: Input
) -> None:
    templates.delete_provisioning_template_version(
        arguments["templateName"], arguments["versionId"]
    )


@operation("ListProvisioningTemplateVersions", ProvisioningTemplates)
def list_provisioning_template_versions(
    templates: ProvisioningTemplates, arguments: Input
) -> Output:
    name = arguments["templateName"]
    template = templates.provisioning_templates.get(name)
    if template is None:
        raise ResourceNotFound(f"Template named {name} not found")
    page = Page("ListProvisioningTemplateVersions", arguments, default_size=_DEFAULT_PAGE)
    versions = [
        {
            "versionId": version.version_id,
            "creationDate": version.creation_date,
            "isDefaultVersion": version.version_id == template.default_version_id,
        }
        for version in page.cut_numbered(template.versions.values())
    ]
    return page.output("versions", versions)
