"""The AWS IoT provisioning template language: parse and check once, resolve for each device.

https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
"""

from .errors import (
    CERTIFICATE_PARAMETERS,
    TemplateError,
    TemplateSyntaxError,
    UnresolvedReferenceError,
)
from .functions import Parameter
from .lint import LintFinding, lint
from .parsing import parse_template
from .plan import (
    Override,
    OverrideSettings,
    PlannedCertificate,
    PlannedPolicy,
    PlannedThing,
    ProvisioningPlan,
)
from .source import TemplateSource
from .template import Template

__all__ = [
    "CERTIFICATE_PARAMETERS",
    "LintFinding",
    "Override",
    "OverrideSettings",
    "Parameter",
    "PlannedCertificate",
    "PlannedPolicy",
    "PlannedThing",
    "ProvisioningPlan",
    "Template",
    "TemplateError",
    "TemplateSource",
    "TemplateSyntaxError",
    "UnresolvedReferenceError",
    "lint",
    "parse_template",
]
