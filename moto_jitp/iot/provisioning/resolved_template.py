"""The template and the role that a template source refers to at one moment."""

from __future__ import annotations

from typing import NamedTuple

from moto_jitp.iot.exceptions import IoTError


class ResolvedTemplate(NamedTuple):
    """What a template source refers to at one moment.

    Attributes:
        name: the stored template's name; ``None`` for a body.
        body: the template's JSON text; ``None`` if the stored template cannot be used.
        role_arn: the provisioning role, if one is known.
        problem: why the stored template cannot be used.
        enabled: whether the stored template is enabled, which does not matter to a just-in-time
            run.
    """

    name: str | None
    body: str | None
    role_arn: str | None = None
    problem: IoTError | None = None
    enabled: bool = True

    @property
    def resource(self) -> str:
        """Its name in the steps of a run."""
        return f"provisioningtemplate/{self.name}" if self.name is not None else "templateBody"
