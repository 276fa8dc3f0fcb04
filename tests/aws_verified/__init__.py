"""Tests that run in the mock and, on request, against a real account.

A test that is decorated with :func:`aws_verified` takes a :class:`Cloud` and does with boto3, and
with devices over MQTT and mutual TLS, what a user would do. By default it runs in ``mock_jitp``.
With ``MOTO_JITP_TEST_ON_AWS=1`` the same lines run in the account and Region of the credentials
that boto3 finds, so that anyone with an account can check whether AWS agrees::

    MOTO_JITP_TEST_ON_AWS=1 AWS_PROFILE=sandbox AWS_REGION=eu-west-1 pytest -m aws_verified

**What it costs.** A run of all of them makes about 1,300 calls of the control plane, which are free
of charge, some 40 connections of a few seconds each, and fewer than 150 messages of at most 5 KB.
At the prices of 2026 (about one dollar for a million messages, eight cents for a million minutes of
connection) that is far below one cent. Nothing in it costs by the hour.

**What it needs.** Credentials that may call AWS IoT (``iot:*``), its data plane, and make roles
below the path ``/moto-jitp/`` (``iam:CreateRole``, ``PutRolePolicy``, ``PassRole``, ``ListRoles``,
``ListRolePolicies``, ``DeleteRolePolicy``, ``DeleteRole``); an account for experiments is best.
Outgoing connections to port 8883 must be possible.

**What it could leave behind.** Everything that a test makes is deleted afterwards, even if it
failed: resources that could admit further devices are deactivated first, then certificates, then
what they were attached to. What is left after a killed process or a refused deletion has a name
that begins with ``moto-jitp-``, or belongs to a CA, a thing or a policy that does. A thing type
always stays, as AWS does not delete one in the five minutes after its deprecation.
``python -m aws_verified``, in the folder ``tests``, lists it, and with ``--delete`` deletes it; it
needs the same variable.
"""

from __future__ import annotations

from .cloud import Cloud
from .decorator import aws_verified

__all__ = ["Cloud", "aws_verified"]
