"""Actions that start something: a Lambda function, or a state machine.

https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html
https://docs.aws.amazon.com/iot/latest/developerguide/stepfunctions-rule-action.html
"""

from __future__ import annotations

import uuid

from moto_jitp import settings
from moto_jitp.aws.iam_statements import IamCall
from moto_jitp.aws.lambda_functions import INVOKE, FunctionError, NotInvoked, invoke
from moto_jitp.aws.role_checks import service_call

from .table import ActionCall, ActionFailed, action


@action("lambda", "LambdaAction", "invoke lambda function", "functionArn", service="AWS Lambda")
def invoke_function(call: ActionCall) -> str | None:
    call.document()  # Lambda takes JSON only
    try:
        invoke(
            call.fields["functionArn"],
            call.text(),
            lambda arn: permission_to_invoke(call, arn),
            check_policy=settings.current().strict,
        )
    except NotInvoked as error:
        raise ActionFailed(
            f"Received Server error from Lambda. The error code is {error.code}. {error.reason}",
            error.advice,
        ) from error
    except FunctionError as error:
        # AWS IoT does not wait for the function: its exceptions do not fail the action.
        return str(error)
    return None


def permission_to_invoke(call: ActionCall, arn: str) -> IamCall:
    """Return the call to evaluate a function's policy for."""
    return service_call(
        INVOKE,
        arn,
        account_id=call.account_id,
        region_name=call.region_name,
        source_arn=call.rule_arn,
        moment=call.moment,
    )


@action(
    "stepFunctions",
    "StepFunctionsAction",
    "start execution",
    "stateMachineName",
    service="AWS Step Functions",
)
def start_execution(call: ActionCall) -> None:
    name = call.fields["stateMachineName"]
    arn = f"arn:{call.partition}:states:{call.region_name}:{call.account_id}:stateMachine:{name}"
    call.require("states:StartExecution", arn)
    call.document()
    call.client("stepfunctions").start_execution(
        stateMachineArn=arn,
        name=f"{call.fields.get('executionNamePrefix', '')}{uuid.uuid4()}",
        input=call.text(),
    )
