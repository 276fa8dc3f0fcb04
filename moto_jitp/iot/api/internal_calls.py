"""Calls of AWS IoT's APIs from inside moto, as AWS services make them for a customer.

They are treated like any request: checked input, quotas, faults, the trail. So a rule for boto3
also applies to a stack.
"""

from __future__ import annotations

import functools
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.parsers import ResponseParser, create_parser
from botocore.serialize import Serializer, create_serializer
from moto.core.models import botocore_stubber
from moto.core.utils import get_service_model

_PROTOCOL = "rest-json"
_HOSTS = {"iot": "iot", "iot-data": "data-ats.iot"}


class CallRefused(Exception):  # noqa: N818 - AWS IoT's refusal, for the service that called
    """AWS IoT refused a call.

    Attributes:
        code: the error's code, such as ``ResourceNotFoundException``.
        message: the error's text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class InternalCaller:
    """Calls operations of AWS IoT in one account and Region.

    Args:
        account_id: the account.
        region_name: the Region.
        service: the principal of the calling service, such as ``cloudformation.amazonaws.com``.
        api: the service to call, by boto3's name: ``iot`` or ``iot-data``.
    """

    def __init__(self, account_id: str, region_name: str, service: str, api: str = "iot") -> None:
        self.account_id = account_id
        self.region_name = region_name
        self._service = service
        self._api = api

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation.

        Args:
            operation: its name in AWS's model, such as ``CreateThing``.
            **members: the members of its input; those that are ``None`` are omitted.

        Returns:
            The output's members.

        Raises:
            CallRefused: AWS IoT refused the call.
        """
        arguments = {name: value for name, value in members.items() if value is not None}
        model = get_service_model(self._api).operation_model(operation)
        parts = _serializer().serialize_to_request(arguments, model)
        host = f"{_HOSTS[self._api]}.{self.region_name}.amazonaws.com"
        request = AWSRequest(
            method=parts["method"],
            url=f"https://{host}{parts['url_path']}",
            params=parts["query_string"],
            data=parts["body"],
            headers={
                **parts["headers"],
                "Host": host,
                "User-Agent": self._service,
                "x-moto-account-id": self.account_id,
                "Authorization": "AWS4-HMAC-SHA256 Credential="
                f"{self._service}/20000101/{self.region_name}/{model.service_model.signing_name}/aws4_request",
            },
        ).prepare()
        # Regardless of active mocks: at a server there is none.
        response = botocore_stubber.process_request(request)
        assert response is not None, f"moto has no AWS IoT at {request.url}"
        status, headers, body = response
        content = body if isinstance(body, bytes) else str(body).encode()
        answer = {"status_code": int(status), "headers": headers, "body": content}
        output: dict[str, Any] = _parser().parse(answer, model.output_shape)
        error = output.get("Error")
        if int(status) >= 300:
            assert error is not None
            raise CallRefused(error["Code"], error["Message"])
        output.pop("ResponseMetadata", None)
        return output


@functools.cache
def _serializer() -> Serializer:
    # The input is checked later, with AWS's texts.
    return create_serializer(_PROTOCOL, include_validation=False)


@functools.cache
def _parser() -> ResponseParser:
    return create_parser(_PROTOCOL)
