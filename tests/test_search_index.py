"""Fleet indexing finds things, groups, shadows, and which devices are connected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory
from support.bodies import PLAIN_BODY
from support.cloud import client, refused
from support.service_models import needs_complete_models

from moto_jitp import CertificateAuthority, connect_device, mock_jitp

EVERYTHING: dict[str, Any] = {
    "thingIndexingMode": "REGISTRY_AND_SHADOW",
    "thingConnectivityIndexingMode": "STATUS",
    "namedShadowIndexingMode": "ON",
    "filter": {"namedShadowNames": ["gps"]},
}


def index(iot: Any, **configuration: Any) -> None:
    iot.update_indexing_configuration(thingIndexingConfiguration=configuration)


def found(iot: Any, query: str, **more: Any) -> list[str]:
    things = iot.search_index(queryString=query, **more)["things"]
    return [thing["thingName"] for thing in things]


def with_lamps(iot: Any) -> Any:
    """Three lamps that differ in everything, with everything indexed."""
    index(iot, **EVERYTHING)
    iot.create_thing_type(thingTypeName="Lamp")
    iot.create_thing_group(thingGroupName="Hall")
    iot.create_billing_group(billingGroupName="paid")
    iot.create_thing(
        thingName="lamp-1",
        thingTypeName="Lamp",
        attributePayload={"attributes": {"watts": "75", "model": "v2", "serial": "abce"}},
    )
    iot.create_thing(thingName="lamp-2", attributePayload={"attributes": {"watts": "9"}})
    iot.create_thing(thingName="LAMP-10", billingGroupName="paid")
    iot.add_thing_to_thing_group(thingGroupName="Hall", thingName="lamp-1")
    data = client(service="iot-data")
    state = {
        "desired": {"color": "red"},
        "reported": {"stats": {"battery": 78}, "values": [1, 2], "rooms": [{"a": 1}], "on": True},
    }
    data.update_thing_shadow(thingName="lamp-1", payload=json.dumps({"state": state}))
    place = {"reported": {"city": "New York"}}
    data.update_thing_shadow(
        thingName="lamp-2", shadowName="gps", payload=json.dumps({"state": place})
    )
    return iot


@pytest.fixture
def fleet(iot: Any) -> Any:
    return with_lamps(iot)


@pytest.fixture(scope="class")
def indexed() -> Iterator[Any]:
    """The lamps for tests that only look."""
    with mock_jitp():
        yield with_lamps(client())


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("*", ["lamp-1", "lamp-2", "LAMP-10"]),
            ("lamp-1", ["lamp-1"]),
            ("v2", ["lamp-1"]),
            ("red", ["lamp-1"]),
            ("thingName:lamp-10", ["LAMP-10"]),
            ("thingName:lamp*", ["lamp-1", "lamp-2", "LAMP-10"]),
            ("thingName:*-1", ["lamp-1"]),
            ("thingName:*amp-1*", ["lamp-1", "LAMP-10"]),
            ("thingName:lamp-?", ["lamp-1", "lamp-2"]),
            ("thingTypeName:lamp", ["lamp-1"]),
            ("thingType:Lamp", ["lamp-1"]),
            ("registry.thingTypeName:Lamp", ["lamp-1"]),
            ("thingGroupNames:hall", ["lamp-1"]),
            ("thingGroupNames:PAID", ["LAMP-10"]),
            ("thingGroupNames:h*", ["lamp-1"]),
            ("attributes.watts:75", ["lamp-1"]),
            ("attributes.watts:[75 TO 80]", ["lamp-1"]),
            ("attributes.watts:{75 TO 80]", []),
            ("attributes.watts:[* TO 10}", ["lamp-2"]),
            ("attributes.watts<=9", ["lamp-2"]),
            ("attributes.watts > 9", ["lamp-1"]),
            ('attributes.serial:["abcd" TO "abcf"]', ["lamp-1"]),
            ("attributes.serial:a*e", ["lamp-1"]),
            ("attributes.model:v2 AND attributes.watts>5 NOT attributes.watts>80", ["lamp-1"]),
            ("NOT attributes.model:v2", ["lamp-2", "LAMP-10"]),
            ("thingName:(lamp* AND -lamp-1)", ["lamp-2", "LAMP-10"]),
            ("attributes.watts:9 OR thingGroupNames:Hall", ["lamp-1", "lamp-2"]),
            ("shadow.reported.stats.battery:{70 TO 100} (v2 OR v3)", ["lamp-1"]),
            ("shadow.reported.values:2", ["lamp-1"]),
            ("shadow.reported.on:true", ["lamp-1"]),
            ("shadow.reported.rooms:*", []),
            ("shadow.desired.color:* NOT shadow.reported.color:*", ["lamp-1"]),
            ("shadow.hasDelta:true", ["lamp-1"]),
            ("shadow.name.gps.hasDelta:false", ["lamp-2"]),
            ('shadow.name.gps.reported.city:"new york"', ["lamp-2"]),
            ('shadow.name.gps.reported.city:"york new"', []),
            ("shadow.name.gps.reported.city:york", ["lamp-2"]),
            ("connectivity.connected:false", ["lamp-1", "lamp-2", "LAMP-10"]),
        ],
    )
    def test_it_finds_the_things_that_match(
        self, indexed: Any, query: str, names: list[str]
    ) -> None:
        assert found(indexed, query) == names

    @pytest.mark.parametrize(
        ("query", "named"),
        [
            ("thingname:a", "The field thingname does not exist.*Did you mean thingName?"),
            ("attributes:a", "attributes needs a name"),
            ("registry.version:1", "registry.version does not exist"),
            ("shadow.version:1", "cannot be searched"),
            ("shadow.name.other.reported.a:1", "Indexed shadows: gps"),
            ("shadow.reportd.a:1", "Did you mean reported?"),
            ("connectivity.conected:true", "Did you mean connected?"),
            ("deviceDefender.violationCount:1", "Device Defender is not emulated"),
            ("thingName:", "The field thingName has no value"),
            ("(a OR b", "The bracket '(' is not closed (at character 1)"),
            ("a AND", "A term is missing at the end"),
            ('thingName:"a', "quotation mark is not closed"),
            ("thingName:a:b", "A colon in a value needs a backslash"),
            ("attributes.a:[1 5]", "A range needs TO"),
            ("attributes.a:<5", "Write attributes.a< without the colon"),
            ("thingName:a~", "Fuzzy"),
            ("thingName:a/b", "'/' is not supported"),
            ("thingName:*a thingTypeName:*b", "second term that begins with a wildcard"),
            ("thingName:a*b*c*", "3 times '*'"),
            ("shadow.reported.at:geo_distance,1,2,3km", "Geoqueries"),
            (" ".join("abcdefghijklm"), "13 terms; at most 12"),
            ("a" * 1001, "1001 characters; at most 1000"),
            ("thingName:*" + "a" * 100, "111 characters"),
        ],
    )
    def test_a_query_that_is_not_valid_is_refused_with_what_is_wrong(
        self, indexed: Any, query: str, named: str
    ) -> None:
        with refused("InvalidQueryException", 400, "The ") as caught:
            indexed.search_index(queryString=query)
        said = caught.response["Error"]["Message"]
        for part in named.split(".*"):
            assert part in said


def test_an_index_that_is_off_is_not_found(iot: Any) -> None:
    iot.create_thing(thingName="a")
    for name in ("AWS_Things", "AWS_ThingGroups"):
        with refused("ResourceNotFoundException", 404, f"The index {name} does not exist"):
            iot.search_index(indexName=name, queryString="*")
        with refused("ResourceNotFoundException", 404, f"The index {name} does not exist"):
            iot.describe_index(indexName=name)
    assert iot.list_indices()["indexNames"] == []
    index(iot, thingIndexingMode="REGISTRY")
    assert found(iot, "*") == ["a"]
    assert iot.list_indices()["indexNames"] == ["AWS_Things"]
    index(iot, thingIndexingMode="OFF")
    with refused("ResourceNotFoundException", 404, "The index AWS_Things does not exist"):
        iot.search_index(queryString="*")
    with refused("ResourceNotFoundException", 404, "The index things does not exist"):
        iot.search_index(indexName="things", queryString="*")


def test_what_is_not_indexed_is_neither_searched_nor_answered(fleet: Any) -> None:
    index(fleet, thingIndexingMode="REGISTRY")
    assert found(fleet, "red") == []
    (thing,) = fleet.search_index(queryString="lamp-1")["things"]
    assert set(thing) == {"thingName", "thingId", "thingTypeName", "thingGroupNames", "attributes"}
    with refused("InvalidQueryException", 400, "The field shadow.hasDelta is not indexed"):
        fleet.search_index(queryString="shadow.hasDelta:true")
    with refused("InvalidQueryException", 400, "The field connectivity.connected is not indexed"):
        fleet.search_index(queryString="connectivity.connected:true")
    assert fleet.describe_index(indexName="AWS_Things")["schema"] == "REGISTRY"


def test_a_thing_is_answered_with_all_that_is_indexed(fleet: Any) -> None:
    (thing,) = fleet.search_index(queryString="lamp-1")["things"]
    shadow = json.loads(thing["shadow"])
    assert thing["thingGroupNames"] == ["Hall"]
    assert (shadow["desired"], shadow["hasDelta"]) == ({"color": "red"}, True)
    assert shadow["metadata"]["reported"]["stats"]["battery"]["timestamp"] > 0
    assert thing["connectivity"] == {"connected": False}
    schema = fleet.describe_index(indexName="AWS_Things")
    assert (schema["indexStatus"], schema["schema"]) == ("ACTIVE", "MULTI_INDEXING_MODE")


def test_search_sees_each_change_at_once(fleet: Any) -> None:
    assert found(fleet, "thingName:lamp-2") == ["lamp-2"]
    fleet.delete_thing(thingName="lamp-2")
    fleet.create_thing(thingName="Lamp-2", attributePayload={"attributes": {"watts": "40"}})
    assert found(fleet, "thingName:lamp-2") == ["Lamp-2"]
    assert found(fleet, "attributes.watts:40") == ["Lamp-2"]


@pytest.mark.parametrize("query", ["thingName:t*", "thingGroupNames:all"])
def test_pages_hold_each_thing_once(iot: Any, query: str) -> None:
    index(iot, thingIndexingMode="REGISTRY")
    iot.create_thing_group(thingGroupName="all")
    for at in range(5):
        iot.create_thing(thingName=f"t{at}")
        iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{at}")
    names: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = iot.search_index(queryString=query, maxResults=2, **token)
        names += [thing["thingName"] for thing in page["things"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert names == ["t0", "t1", "t2", "t3", "t4"]
    with refused("InvalidRequestException", 400, "maxResults is 501"):
        iot.search_index(queryString="*", maxResults=501)


def test_thing_groups_are_found_by_what_they_are_and_where_they_stand(iot: Any) -> None:
    iot.update_indexing_configuration(
        thingGroupIndexingConfiguration={"thingGroupIndexingMode": "ON"}
    )
    properties = {
        "thingGroupDescription": "Upper floor",
        "attributePayload": {"attributes": {"level": "2"}},
    }
    iot.create_thing_group(thingGroupName="house")
    iot.create_thing_group(
        thingGroupName="attic", parentGroupName="house", thingGroupProperties=properties
    )

    def groups(query: str) -> list[str]:
        answer = iot.search_index(indexName="AWS_ThingGroups", queryString=query)
        return [group["thingGroupName"] for group in answer["thingGroups"]]

    assert groups("*") == ["house", "attic"]
    assert groups("parentGroupNames:house") == ["attic"]
    assert groups('description:"upper floor"') == ["attic"]
    assert groups("attributes.level>1") == ["attic"]
    assert groups("floor") == ["attic"]
    (attic,) = iot.search_index(indexName="AWS_ThingGroups", queryString="attic")["thingGroups"]
    assert attic["parentGroupNames"] == ["house"]
    assert attic["thingGroupDescription"] == "Upper floor"
    assert iot.describe_index(indexName="AWS_ThingGroups")["schema"] == "THING_GROUPS"
    with refused("InvalidQueryException", 400, "The field thingName does not exist"):
        groups("thingName:a")


@needs_complete_models
def test_connectivity_is_that_of_the_sessions_that_are_connected(
    clock: FrozenDateTimeFactory, iot: Any, acme: CertificateAuthority
) -> None:
    index(iot, **EVERYTHING)
    acme.register(iot, template_body=PLAIN_BODY)
    bulb = connect_device(acme.issue(common_name="bulb-1"))
    noon = int(clock().timestamp() * 1000)
    (thing,) = iot.search_index(queryString="connectivity.connected:true")["things"]
    assert thing["connectivity"] == {
        "connected": True,
        "timestamp": noon,
        "clientId": "bulb-1",
        "keepAliveDuration": 1200,
        "cleanSession": True,
    }
    assert found(iot, f"connectivity.timestamp:[{noon} TO {noon}]") == ["bulb-1"]

    clock.tick(timedelta(seconds=1))
    bulb.disconnect()
    (thing,) = iot.search_index(queryString="thingName:bulb-1")["things"]
    assert not thing["connectivity"]["connected"]
    assert thing["connectivity"]["timestamp"] == noon + 1000
    assert thing["connectivity"]["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert found(iot, "connectivity.disconnectReason:CLIENT_INITIATED_DISCONNECT") == ["bulb-1"]
    assert found(iot, "connectivity.connected:true") == []


def test_a_device_of_another_client_id_is_not_the_things(iot: Any, acme: Any) -> None:
    index(iot, **EVERYTHING)
    acme.register(iot, template_body=PLAIN_BODY)
    connect_device(acme.issue(common_name="bulb-1"), client_id="other")
    assert found(iot, "connectivity.connected:true") == []


def test_a_device_that_left_long_before_indexing_began_is_not_known(
    clock: FrozenDateTimeFactory, iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    connect_device(acme.issue(common_name="early")).disconnect()
    clock.tick(timedelta(minutes=45))
    connect_device(acme.issue(common_name="late")).disconnect()
    clock.tick(timedelta(minutes=45))
    index(iot, **EVERYTHING)
    assert found(iot, "connectivity.disconnectReason:*") == ["late"]
    clock.tick(timedelta(days=9))
    assert found(iot, "connectivity.disconnectReason:*") == ["late"]


def test_connectivity_data_tells_of_one_thing(
    clock: FrozenDateTimeFactory, iot: Any, acme: CertificateAuthority
) -> None:
    acme.register(iot, template_body=PLAIN_BODY)
    bulb = connect_device(acme.issue(common_name="bulb-1"))
    with refused("ResourceNotFoundException", 404, "Connectivity is not indexed"):
        iot.get_thing_connectivity_data(thingName="bulb-1")
    index(iot, **EVERYTHING)
    iot.create_thing(thingName="new")
    data = iot.get_thing_connectivity_data(thingName="bulb-1", includeSocketInformation=True)
    assert (data["connected"], data["disconnectReason"]) == (True, "NONE")
    assert "sourceIp" not in data
    filtered = {"connectivity": {"includeSocketInformation": ["GET_THING_CONNECTIVITY_DATA"]}}
    index(iot, **{**EVERYTHING, "filter": filtered})
    index(iot, **EVERYTHING)  # the filter for connectivity stays
    data = iot.get_thing_connectivity_data(thingName="bulb-1", includeSocketInformation=True)
    assert (data["sourceIp"], data["targetPort"]) == ("127.0.0.1", 8883)
    assert "sourceIp" not in iot.get_thing_connectivity_data(thingName="bulb-1")
    bulb.disconnect()
    data = iot.get_thing_connectivity_data(thingName="bulb-1")
    assert (data["connected"], data["disconnectReason"]) == (False, "CLIENT_INITIATED_DISCONNECT")
    new = iot.get_thing_connectivity_data(thingName="new")
    assert (new["connected"], new["disconnectReason"]) == (False, "UNKNOWN")
    with refused("ResourceNotFoundException", 404, "Thing"):
        iot.get_thing_connectivity_data(thingName="nobody")


def test_the_configuration_says_what_is_indexed(iot: Any) -> None:
    configuration = iot.get_indexing_configuration()
    assert configuration["thingIndexingConfiguration"]["thingIndexingMode"] == "OFF"
    assert configuration["thingIndexingConfiguration"]["managedFields"] == []
    fields = [{"name": "attributes.version", "type": "Number"}]
    index(iot, **EVERYTHING, customFields=fields)
    things = iot.get_indexing_configuration()["thingIndexingConfiguration"]
    managed = {field["name"] for field in things["managedFields"]}
    assert {"thingName", "shadow.hasDelta", "connectivity.connected"} <= managed
    assert (things["customFields"], things["namedShadowIndexingMode"]) == (fields, "ON")
    index(iot, thingIndexingMode="REGISTRY")
    things = iot.get_indexing_configuration()["thingIndexingConfiguration"]
    assert (things["customFields"], things["thingConnectivityIndexingMode"]) == ([], "OFF")


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        ({"thingIndexingMode": "OFF", "thingConnectivityIndexingMode": "STATUS"}, "thingConnec"),
        ({"thingIndexingMode": "OFF", "namedShadowIndexingMode": "ON"}, "namedShadowIndexingMode"),
        (
            {"thingIndexingMode": "REGISTRY", "deviceDefenderIndexingMode": "VIOLATIONS"},
            "deviceDefenderIndexingMode VIOLATIONS is not emulated",
        ),
        (
            {
                "thingIndexingMode": "REGISTRY",
                "filter": {"geoLocations": [{"name": "shadow.reported.at", "order": "LonLat"}]},
            },
            "geoLocations are not emulated",
        ),
        (
            {
                "thingIndexingMode": "REGISTRY",
                "customFields": [{"name": "shadow.desired.power", "type": "Boolean"}],
            },
            "The custom field 'shadow.desired.power'",
        ),
        (
            {
                "thingIndexingMode": "REGISTRY",
                "customFields": [
                    {"name": f"attributes.a{at}", "type": "String"} for at in range(6)
                ],
            },
            "An index can have 5 custom fields; found 6",
        ),
        (
            {
                "thingIndexingMode": "REGISTRY",
                "managedFields": [{"name": "shadow.hasDelta", "type": "Boolean"}],
            },
            "The managed field shadow.hasDelta",
        ),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    iot: Any, configuration: dict[str, Any], named: str
) -> None:
    with refused("InvalidRequestException", 400, named):
        index(iot, **configuration)
    things = iot.get_indexing_configuration()["thingIndexingConfiguration"]
    assert things["thingIndexingMode"] == "OFF"


def test_aggregations_dynamic_groups_and_metrics_are_refused_by_name(fleet: Any) -> None:
    for call, members in (
        (fleet.get_statistics, {"queryString": "*"}),
        (fleet.get_cardinality, {"queryString": "*"}),
        (fleet.get_percentiles, {"queryString": "*"}),
        (fleet.create_dynamic_thing_group, {"thingGroupName": "g", "queryString": "*"}),
    ):
        with pytest.raises(fleet.exceptions.InvalidRequestException, match="is not emulated"):
            call(**members)


def test_with_strict_off_moto_searches(acme: CertificateAuthority) -> None:
    with mock_jitp(config={"jitp": {"strict": False}}):
        iot = client()
        iot.create_thing(thingName="a")
        assert found(iot, "thingName:a") == ["a"]
