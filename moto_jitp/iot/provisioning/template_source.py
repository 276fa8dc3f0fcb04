"""Which template provisions a CA's devices, and with whose role.

A CA certificate's registration config has a template body and a role, or the name of a stored
template, which has both.
https://docs.aws.amazon.com/iot/latest/apireference/API_RegistrationConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moto_jitp.iot.exceptions import InvalidRequest, IoTError

from .provisioning_templates import ProvisioningTemplates
from .template_rules import check_registered_body


@dataclass(frozen=True)
class ResolvedTemplate:
    """What a template source stands for at one moment.

    Attributes:
        name: the stored template's name; ``None`` for a body.
        body: the template's JSON text; ``None`` where the stored template cannot be used.
        role_arn: the provisioning role, if one is known.
        problem: why the stored template cannot be used.
    """

    name: str | None
    body: str | None
    role_arn: str | None = None
    problem: IoTError | None = None

    @property
    def resource(self) -> str:
        """How the steps of a run call it."""
        return f"provisioningtemplate/{self.name}" if self.name is not None else "templateBody"


@dataclass(frozen=True)
class TemplateSource:
    """A stored template's name, or a template body.

    Attributes:
        name: the stored template's name; it goes before a body.
        body: the body of a template that is not stored.
        role_arn: the role that is given with it; for a stored template, instead of its own.

    Example:
        >>> TemplateSource.of({"templateName": "bulbs"})
        TemplateSource(name='bulbs', body=None, role_arn=None)
    """

    name: str | None = None
    body: str | None = None
    role_arn: str | None = None

    @classmethod
    def of(cls, registration_config: Mapping[str, str] | None) -> TemplateSource:
        """Return what a registration config says.

        Args:
            registration_config: ``templateName``, or ``templateBody``, and perhaps ``roleArn``;
                ``None`` or empty for none of them.
        """
        given = registration_config or {}
        name = given.get("templateName") or None
        return cls(name, given.get("templateBody"), given.get("roleArn"))

    @property
    def is_given(self) -> bool:
        """Whether there is a template at all."""
        return bool(self.name or self.body)

    def resolve(self, templates: ProvisioningTemplates) -> ResolvedTemplate:
        """Return the template and the role as they are now.

        Args:
            templates: the account's and Region's stored templates.
        """
        if self.name is None:
            return ResolvedTemplate(None, self.body or "", self.role_arn)
        stored = templates.provisioning_templates.get(self.name)
        role_arn = self.role_arn or (stored.role_arn if stored is not None else None)
        try:
            return ResolvedTemplate(self.name, templates.jitp_template(self.name).body, role_arn)
        except IoTError as problem:
            return ResolvedTemplate(self.name, None, role_arn, problem)

    def check(self, templates: ProvisioningTemplates) -> None:
        """Refuse what a CA certificate cannot be given.

        Args:
            templates: as for :meth:`resolve`.

        Raises:
            InvalidRequest: there are a name and a body, the body is not a template that could
                provision a device just in time, it comes without a role, or the stored template
                has another type.
            ResourceNotFound: there is no template of that name.
        """
        if self.name and self.body:
            raise InvalidRequest(
                "The registrationConfig has both a templateBody and a templateName; give one."
            )
        if self.name:
            templates.jitp_template(self.name)
        elif self.body is not None:
            check_registered_body(self.body)
            if not self.role_arn:
                raise InvalidRequest(
                    "The registrationConfig has a templateBody but no roleArn; AWS IoT needs the "
                    "role to provision devices with."
                )
