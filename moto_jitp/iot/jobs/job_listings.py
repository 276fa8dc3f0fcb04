"""The operations that list jobs, their executions and job templates.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs.html
"""

from __future__ import annotations

from collections.abc import Iterable

from moto.iot.models import FakeJob, FakeJobExecution

from moto_jitp.iot.api.operations import Input, Output
from moto_jitp.iot.api.paging import Page, listing
from moto_jitp.iot.registry.registry import Registry


@listing("ListJobs", Registry, default_size=50)
def list_jobs(registry: Registry, arguments: Input, page: Page) -> Output:
    status, selection = arguments.get("status"), arguments.get("targetSelection")
    group = arguments.get("thingGroupName")
    target = None if group is None else registry.describe_thing_group(group).arn

    def is_listed(job: FakeJob) -> bool:
        return (
            status in (None, job.status)
            and selection in (None, job.target_selection)
            and (target is None or target in job.targets)
        )

    jobs = page.cut(registry.jobs.after(page.number), is_listed)
    return page.output("jobs", [_summary(registry, job) for job in jobs])


def _summary(registry: Registry, job: FakeJob) -> Output:
    # Jobs are not rolled out in parts; AWS IoT would call those concurrent.
    summary = {**job.to_dict(), "isConcurrent": False}
    groups = [registry.thing_groups.get(target) for target in job.targets]
    if len(groups) == 1 and groups[0] is not None:
        summary["thingGroupId"] = groups[0].thing_group_id
    return summary


@listing("ListJobTemplates", Registry, default_size=50)
def list_job_templates(registry: Registry, arguments: Input, page: Page) -> Output:
    templates = page.cut(registry.job_templates.after(page.number))
    return page.output("jobTemplates", [template.to_dict() for template in templates])


@listing("ListJobExecutionsForJob", Registry, default_size=50)
def list_job_executions_for_job(registry: Registry, arguments: Input, page: Page) -> Output:
    job, executions = arguments["jobId"], registry.job_executions
    things = executions.seconds_after(job, page.number)
    return _executions(((at, executions[job, thing]) for at, thing in things), arguments, page)


@listing("ListJobExecutionsForThing", Registry, default_size=50)
def list_job_executions_for_thing(registry: Registry, arguments: Input, page: Page) -> Output:
    thing, executions = arguments["thingName"], registry.job_executions
    jobs = executions.firsts_after(thing, page.number)
    numbered_executions = ((at, executions[job, thing]) for at, job in jobs)
    return _executions(numbered_executions, arguments, page)


def _executions(
    numbered_executions: Iterable[tuple[int, FakeJobExecution]], arguments: Input, page: Page
) -> Output:
    job, status = arguments.get("jobId"), arguments.get("status")

    def is_listed(execution: FakeJobExecution) -> bool:
        return job in (None, execution.job_id) and status in (None, execution.status)

    executions = page.cut(numbered_executions, is_listed)
    return page.output("executionSummaries", [execution.to_dict() for execution in executions])
