"""SQL functions that use the account: Lambda, shadows, DynamoDB, the registry, secrets.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.iot.models import IoTBackend

from moto_jitp import settings
from moto_jitp.aws.clients import client_of
from moto_jitp.aws.iam_statements import IamCall
from moto_jitp.aws.lambda_functions import INVOKE, FunctionError, NotInvoked, invoke
from moto_jitp.aws.role_checks import RoleRefused, service_call
from moto_jitp.sql import FunctionFailed
from moto_jitp.sql.values import V2, read_json

from .actions import require_role
from .actions.storage import attribute


class AccountFunctions:
    """Carries out the functions of one rule for one message.

    Args:
        backend: the account and Region of the rule.
        rule_arn: the rule's ARN.
        moment: when, in UTC.
    """

    def __init__(self, backend: IoTBackend, rule_arn: str, moment: datetime) -> None:
        self._backend = backend
        self._rule_arn = rule_arn
        self._moment = moment

    def by_name(self) -> Mapping[str, Callable[..., Any]]:
        """Return the functions by their names in statements."""
        return {
            "aws_lambda": self.aws_lambda,
            "get_dynamodb": self.get_dynamodb,
            "get_registry_data": self.get_registry_data,
            "get_secret": self.get_secret,
            "get_thing_shadow": self.get_thing_shadow,
        }

    def aws_lambda(self, arn: str, event: Any) -> Any:
        """Invoke a function and return its answer.

        Raises:
            FunctionFailed: the function failed or cannot be invoked.
        """
        try:
            answer = invoke(
                arn,
                json.dumps(event),
                self._permission_to_invoke,
                check_policy=settings.current().strict,
            )
        except NotInvoked as error:
            raise FunctionFailed("aws_lambda", f"{error.reason} {error.advice}") from error
        except FunctionError as error:
            raise FunctionFailed("aws_lambda", f"the function failed: {error}.") from error
        return json.loads(answer or "null")

    def get_thing_shadow(self, thing: str, shadow: str | None, role_arn: str) -> Any:
        """Return a thing's shadow document."""
        self._require(
            "get_thing_shadow", role_arn, "iot:GetThingShadow", self._iot(f"thing/{thing}")
        )
        name_argument = {} if shadow is None else {"shadowName": shadow}
        answer = self._call(
            "get_thing_shadow", "iot-data", "get_thing_shadow", thingName=thing, **name_argument
        )
        return json.loads(answer["payload"].read())

    def get_registry_data(self, operation: str, thing: str, role_arn: str) -> Any:
        """Return the answer of DescribeThing or ListThingGroupsForThing."""
        name = "get_registry_data"
        self._require(name, role_arn, f"iot:{operation}", self._iot(f"thing/{thing}"))
        method = {
            "DescribeThing": "describe_thing",
            "ListThingGroupsForThing": "list_thing_groups_for_thing",
        }[operation]
        answer = self._call(name, "iot", method, thingName=thing)
        answer.pop("ResponseMetadata", None)
        return answer

    def get_dynamodb(self, table: str, key: Mapping[str, Any], role_arn: str) -> Any:
        """Return an item of a table.

        Raises:
            FunctionFailed: the table has no such item, or cannot be read.
        """
        name = "get_dynamodb"
        arn = (
            f"arn:{self._partition}:dynamodb:{self._backend.region_name}:"
            f"{self._backend.account_id}:table/{table}"
        )
        self._require(name, role_arn, "dynamodb:GetItem", arn)
        typed = {part: attribute(read_json(json.dumps(value), V2)) for part, value in key.items()}
        answer = self._call(name, "dynamodb", "get_item", TableName=table, Key=typed)
        if "Item" not in answer:
            raise FunctionFailed(name, f"the table {table} has no item with the key {dict(key)}.")
        return {column: _plain(value) for column, value in answer["Item"].items()}

    def get_secret(self, secret_id: str, kind: str, role_arn: str) -> str | bytes:
        """Return the current value of a secret.

        Raises:
            FunctionFailed: the secret has no value of that kind, or cannot be read.
        """
        name = "get_secret"
        resource = secret_id
        if not secret_id.startswith("arn:"):
            resource = (
                f"arn:{self._partition}:secretsmanager:{self._backend.region_name}:"
                f"{self._backend.account_id}:secret:{secret_id}"
            )
        for permission in ("GetSecretValue", "DescribeSecret"):
            self._require(name, role_arn, f"secretsmanager:{permission}", resource)
        answer = self._call(name, "secretsmanager", "get_secret_value", SecretId=secret_id)
        if kind not in answer:
            raise FunctionFailed(name, f"the secret {secret_id} has no {kind}.")
        value: str | bytes = answer[kind]
        return value

    @property
    def _partition(self) -> str:
        return self._rule_arn.split(":")[1]

    def _iot(self, resource: str) -> str:
        return (
            f"arn:{self._partition}:iot:{self._backend.region_name}:{self._backend.account_id}:"
            f"{resource}"
        )

    def _permission_to_invoke(self, arn: str) -> IamCall:
        return service_call(
            INVOKE,
            arn,
            account_id=self._backend.account_id,
            region_name=self._backend.region_name,
            source_arn=self._rule_arn,
            moment=self._moment,
        )

    def _require(self, function: str, role_arn: str, permission: str, resource: str) -> None:
        try:
            require_role(
                self._backend, role_arn, permission, resource, self._rule_arn, self._moment
            )
        except RoleRefused as error:
            raise FunctionFailed(function, str(error)) from None

    def _call(self, function: str, service: str, method: str, **arguments: Any) -> Any:
        client = client_of(service, self._backend.account_id, self._backend.region_name)
        try:
            return getattr(client, method)(**arguments)
        except ClientError as error:
            error_fields = error.response["Error"]
            raise FunctionFailed(
                function, f"{error_fields['Code']}: {error_fields['Message']}."
            ) from error
        except BotoCoreError as error:  # a name that is not valid in the service
            raise FunctionFailed(function, str(error)) from error


def _plain(value: Mapping[str, Any]) -> Any:
    """A DynamoDB value as JSON."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return float(inner) if "." in inner or "E" in inner.upper() else int(inner)
    if kind == "NS":
        return [_plain({"N": element}) for element in inner]
    if kind == "L":
        return [_plain(element) for element in inner]
    if kind == "M":
        return {key: _plain(element) for key, element in inner.items()}
    if kind == "NULL":
        return None
    if kind == "B":
        return inner.decode("utf-8", "replace")
    return inner
