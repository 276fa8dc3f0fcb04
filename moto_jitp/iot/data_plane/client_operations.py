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

# The maximum number of subscriptions on a page.
_MOST = 20


@operation("GetConnection", DataRequest, service=SERVICE)
def get_connection(request: DataRequest, arguments: Input) -> Output:
    connection = find_connection(request.iot, arguments["clientId"])
    if connection is None:
        raise _no_client(request, "GetConnection", arguments["clientId"])
    request.log("GetConnection", {"clientId": connection.client_id})
    carrier = connection.transport
    output = {
        "clientId": connection.client_id,
        "connected": connection.ended is None,
        "thingName": connection.thing_name,
        "cleanSession": carrier.clean,
        "keepAliveDuration": carrier.keep_alive,
        "sessionExpiry": carrier.session_expiry,
        "connectedSince": _milliseconds(connection.since) if connection.ended is None else None,
        "disconnectedSince": None if connection.ended is None else _milliseconds(connection.ended),
        "disconnectReason": connection.reason,
    }
    if arguments.get("includeSocketInformation"):
        output["sourceIp"], output["sourcePort"] = carrier.address, carrier.port
        # Clients reach an endpoint on this machine from an address of this machine.
        output["targetIp"], output["targetPort"] = carrier.address, carrier.target_port
    return without_null(output)


@operation("ListSubscriptions", DataRequest, service=SERVICE)
def list_subscriptions(request: DataRequest, arguments: Input) -> Output:
    client_id = arguments["clientId"]
    client_subscriptions = subscriptions_of(request.iot, client_id)
    if client_subscriptions is None:
        raise _no_client(request, "ListSubscriptions", client_id)
    page_arguments = {"maxResults": arguments["maxResults"]} if "maxResults" in arguments else {}
    request.log("ListSubscriptions", {"clientId": client_id, **page_arguments})
    page = Page("ListSubscriptions", arguments, default_size=_MOST, service=SERVICE)
    items_of_page = page.cut_sorted(client_subscriptions, lambda subscription: subscription[0])
    subscriptions = [{"topicFilter": name, "qos": qos} for name, qos in items_of_page]
    return without_null(page.output("subscriptions", subscriptions))


@operation("DeleteConnection", DataRequest, service=SERVICE)
def delete_client_connection(request: DataRequest, arguments: Input) -> None:
    client_id = arguments["clientId"]
    deletion = ConnectionDeletion(
        client_id, bool(arguments.get("cleanSession")), bool(arguments.get("preventWillMessage"))
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
