"""SAM templates whose functions have ``IoTRule`` events.

CloudFormation expands them with the macro ``AWS::Serverless-2016-10-31``, which moto does not have:
it skips a function, and the function's rule with it. AWS publishes the macro as a library.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-iotrule.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-serverless.html
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

import boto3
from moto.cloudformation.exceptions import ValidationError

from moto_jitp import settings
from moto_jitp.extras import command_for

_MACRO = "AWS::Serverless-2016-10-31"
_FUNCTION = "AWS::Serverless::Function"
_EVENT = "IoTRule"
_LIBRARY = "samtranslator"


def expand(template: dict[str, Any], parameters: Mapping[str, Any], region_name: str) -> None:
    """Expand a SAM template with ``IoTRule`` events in place; leave any other unchanged.

    Args:
        template: the template's document.
        parameters: the stack's parameters, name to value.
        region_name: the stack's Region.

    Raises:
        ValidationError: the macro refuses the template, or its library is not installed while
            ``stacks`` is ``"refuse"``.
    """
    rules = _rules(template)
    if not rules:
        return
    if importlib.util.find_spec(_LIBRARY) is None:
        _refuse(rules)
        return
    translator = importlib.import_module(f"{_LIBRARY}.translator.translator")
    parser = importlib.import_module(f"{_LIBRARY}.parser.parser")
    invalid = importlib.import_module(f"{_LIBRARY}.model.exceptions").InvalidDocumentException
    session = boto3.Session(region_name=region_name)
    translate = translator.Translator({}, parser.Parser(), boto_session=session).translate
    try:
        # It changes its argument.
        expanded = translate(copy.deepcopy(template), dict(parameters))
    except invalid as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise ValidationError(
            message=f"Transform {_MACRO} failed with: Invalid Serverless Application "
            f"Specification document. {error.message} {causes}"
        ) from None
    template.clear()
    template.update(expanded)


def _rules(template: Mapping[str, Any]) -> list[str]:
    """The events that become topic rules, as ``Function.Event``."""
    transforms = template.get("Transform") or []
    if _MACRO not in ([transforms] if isinstance(transforms, str) else transforms):
        return []
    return [
        f"{logical_id}.{name}"
        for logical_id, document in (template.get("Resources") or {}).items()
        if document.get("Type") == _FUNCTION
        for name, event in ((document.get("Properties") or {}).get("Events") or {}).items()
        if event.get("Type") == _EVENT
    ]


def _refuse(rules: list[str]) -> None:
    text = (
        f"Transform {_MACRO} failed with: the library aws-sam-translator is not installed, so the "
        f"topic rules of {', '.join(rules)} would not be created."
    )
    current = settings.current()
    if current.strict and current.stacks == "refuse":
        raise ValidationError(
            message=f"{text} Install it with {command_for('sam')}, or have the functions passed "
            'over with the setting "stacks": "warn".'
        )
    warnings.warn(text, stacklevel=2)
