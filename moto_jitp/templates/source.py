"""The template that provisions a CA's devices, and its role.

A CA certificate's registration config has a template body and a role, or the name of a stored
template, which has both.
https://docs.aws.amazon.com/iot/latest/apireference/API_RegistrationConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class TemplateSource(NamedTuple):
    """A stored template's name, or a template body.

    Attributes:
        name: the stored template's name, which takes precedence over a body.
        body: the body of a template that is not stored.
        role_arn: the role passed with it; for a stored template, it replaces the template's own.

    Examples:
        >>> TemplateSource.of({"templateName": "bulbs"})
        TemplateSource(name='bulbs', body=None, role_arn=None)
    """

    name: str | None = None
    body: str | None = None
    role_arn: str | None = None

    @classmethod
    def of(cls, registration_config: Mapping[str, str] | None) -> TemplateSource:
        """Return the template source of a registration config.

        Args:
            registration_config: ``templateName``, or ``templateBody``, and perhaps ``roleArn``;
                ``None`` or empty for none of them.
        """
        config = registration_config or {}
        name = config.get("templateName") or None
        return cls(name, config.get("templateBody"), config.get("roleArn"))

    @property
    def is_given(self) -> bool:
        """Whether there is a template at all."""
        return bool(self.name or self.body)
