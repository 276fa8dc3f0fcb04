"""Resources that moto makes but whose tags are kept here: role aliases, jobs and job templates.

moto drops the tags of what it creates; a list without them would be wrong.
https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot.html
"""

from __future__ import annotations

from moto_jitp import settings
from moto_jitp.iot.api.operations import CallMoto, Input, Output, operation_over_moto
from moto_jitp.iot.exceptions import ResourceAlreadyExists

from .tags import Tags


@operation_over_moto("CreateRoleAlias", Tags)
def create_role_alias(tags: Tags, arguments: Input, moto: CallMoto) -> Output:
    name = arguments["roleAlias"]
    existing = tags.registry.moto.role_aliases.get(name)
    if settings.current().strict and existing is not None:
        raise ResourceAlreadyExists(
            f"Role alias {name} already exists for this account", name, existing.arn
        )
    return _create(tags, f"rolealias/{name}", arguments, moto)


@operation_over_moto("DeleteRoleAlias", Tags)
def delete_role_alias(tags: Tags, arguments: Input, moto: CallMoto) -> None:
    _delete(tags, f"rolealias/{arguments['roleAlias']}", moto)


@operation_over_moto("CreateJob", Tags)
def create_job(tags: Tags, arguments: Input, moto: CallMoto) -> Output:
    return _create(tags, f"job/{arguments['jobId']}", arguments, moto)


@operation_over_moto("DeleteJob", Tags)
def delete_job(tags: Tags, arguments: Input, moto: CallMoto) -> None:
    _delete(tags, f"job/{arguments['jobId']}", moto)


@operation_over_moto("CreateJobTemplate", Tags)
def create_job_template(tags: Tags, arguments: Input, moto: CallMoto) -> Output:
    return _create(tags, f"jobtemplate/{arguments['jobTemplateId']}", arguments, moto)


@operation_over_moto("DeleteJobTemplate", Tags)
def delete_job_template(tags: Tags, arguments: Input, moto: CallMoto) -> None:
    _delete(tags, f"jobtemplate/{arguments['jobTemplateId']}", moto)


def _create(tags: Tags, resource: str, arguments: Input, moto: CallMoto) -> Output:
    return tags.create_with(tags.registry.arn(resource), arguments.get("tags"), moto)


def _delete(tags: Tags, resource: str, moto: CallMoto) -> None:
    with tags.registry.lock:
        moto()
        tags.untag_all(tags.registry.arn(resource))
