"""Connected clients: GetConnection, ListSubscriptions and DeleteConnection.

https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
"""

from __future__ import annotations

from datetime import datetime

from moto.iotdata.exceptions import ResourceNotFoundException

from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.outputs import without_null
from moto_jitp.iot.api.paging import Page

from .connections import ConnectionDeletion, delete_connection, find_connection, subscriptions_of
from .requests import SERVICE, DataRequest

# How many subscriptions a page holds at most.
_MOST = 20


@operation("GetConnection", DataRequest, service=SERVICE)
def get_connection(request: DataRequest, given: Input) -> Output:
    found = find_connection(request.iot, given["clientId"])
    if found is None:
        raise _no_client(request, "GetConnection", given["clientId"])
    request.log("GetConnection", {"clientId": found.client_id})
    carrier = found.transport
    output = {
        "clientId": found.client_id,
        "connected": found.ended is None,
        "thingName": found.thing_name,
        "cleanSession": carrier.clean,
        "keepAliveDuration": carrier.keep_alive,
        "sessionExpiry": carrier.session_expiry,
        "connectedSince": _milliseconds(found.since) if found.ended is None else None,
        "disconnectedSince": None if found.ended is None else _milliseconds(found.ended),
        "disconnectReason": found.reason,
    }
    if given.get("includeSocketInformation"):
        output["sourceIp"], output["sourcePort"] = carrier.address, carrier.port
        # Clients reach an endpoint of this machine from an address of this machine.
        output["targetIp"], output["targetPort"] = carrier.address, carrier.target_port
    return without_null(output)


@operation("ListSubscriptions", DataRequest, service=SERVICE)
def list_subscriptions(request: DataRequest, given: Input) -> Output:
    client_id = given["clientId"]
    found = subscriptions_of(request.iot, client_id)
    if found is None:
        raise _no_client(request, "ListSubscriptions", client_id)
    more = {"maxResults": given["maxResults"]} if "maxResults" in given else {}
    request.log("ListSubscriptions", {"clientId": client_id, **more})
    page = Page("ListSubscriptions", given, default_size=_MOST, service=SERVICE)
    listed = page.cut_sorted(found, lambda one: one[0])
    subscriptions = [{"topicFilter": name, "qos": qos} for name, qos in listed]
    return without_null(page.output("subscriptions", subscriptions))


@operation("DeleteConnection", DataRequest, service=SERVICE)
def delete_client_connection(request: DataRequest, given: Input) -> None:
    client_id = given["clientId"]
    deletion = ConnectionDeletion(
        client_id, bool(given.get("cleanSession")), bool(given.get("preventWillMessage"))
    )
    if not delete_connection(request.iot, deletion):
        raise _no_client(request, "DeleteConnection", client_id)
    request.log("DeleteConnection", {"clientId": client_id})


def _no_client(
    request: DataRequest, operation_name: str, client_id: str
) -> ResourceNotFoundException:
    text = f"There is no client {client_id}"
    request.log(operation_name, {"clientId": client_id}, error=text)
    return ResourceNotFoundException()


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
