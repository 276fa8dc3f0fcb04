"""Random MQTT packets for hypothesis."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from moto_jitp.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from moto_jitp.mqtt.properties import NO_PROPERTIES, Properties

texts = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12
) | st.text(string.ascii_letters, max_size=300)
binaries = st.binary(max_size=20) | st.binary(min_size=120, max_size=200)
packet_ids = st.integers(1, 0xFFFF)
_uint16 = st.integers(0, 0xFFFF)
_uint32 = st.integers(0, 0xFFFF_FFFF)
_flag = st.integers(0, 1)
_pairs = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "payload_format_indicator": _flag,
    "message_expiry_interval": _uint32,
    "content_type": texts,
    "response_topic": texts,
    "correlation_data": binaries,
    "session_expiry_interval": _uint32,
    "assigned_client_identifier": texts,
    "server_keep_alive": _uint16,
    "authentication_method": texts,
    "request_problem_information": _flag,
    "will_delay_interval": _uint32,
    "request_response_information": _flag,
    "response_information": texts,
    "server_reference": texts,
    "reason_string": texts,
    "receive_maximum": st.integers(1, 0xFFFF),
    "topic_alias_maximum": _uint16,
    "topic_alias": st.integers(1, 0xFFFF),
    "maximum_qos": _flag,
    "retain_available": _flag,
    "maximum_packet_size": st.integers(1, 0xFFFF_FFFF),
    "wildcard_subscription_available": _flag,
    "subscription_identifiers_available": _flag,
    "shared_subscription_available": _flag,
    "user_properties": _pairs,
}
_MESSAGE = (
    "payload_format_indicator message_expiry_interval content_type response_topic "
    "correlation_data user_properties"
)


def _properties(names: Sequence[str]) -> st.SearchStrategy[Properties]:
    some = st.fixed_dictionaries({}, optional={name: _VALUES[name] for name in names})
    return st.just(NO_PROPERTIES) | some.map(lambda values: Properties(**values))


def packets(version: Version) -> st.SearchStrategy[Packet]:
    """Packets of a version, of all types and in both directions."""

    def properties(names: str) -> st.SearchStrategy[Properties]:
        if version is Version.MQTT_3_1_1:
            return st.just(NO_PROPERTIES)
        return _properties(names.split())

    v5 = version is Version.MQTT_5
    with_reason = properties("reason_string user_properties")
    codes = st.integers(0, 0xFF) if v5 else st.just(0)
    wills = st.builds(
        Will,
        texts,
        binaries,
        st.integers(0, 2),
        st.booleans(),
        properties(f"{_MESSAGE} will_delay_interval"),
    )
    user_names = st.none() | texts
    connects = st.builds(
        Connect,
        client_id=texts,
        version=st.just(version),
        clean_start=st.booleans(),
        keep_alive=_uint16,
        will=st.none() | wills,
        user_name=user_names if v5 else texts,
        password=st.none() | binaries,
        properties=properties(
            "session_expiry_interval authentication_method request_problem_information "
            "request_response_information receive_maximum topic_alias_maximum user_properties "
            "maximum_packet_size"
        ),
    )
    connacks = st.builds(
        Connack,
        st.integers(0, 0xFF),
        st.booleans(),
        properties(
            "session_expiry_interval assigned_client_identifier server_keep_alive "
            "authentication_method response_information server_reference reason_string "
            "receive_maximum topic_alias_maximum maximum_qos retain_available user_properties "
            "maximum_packet_size wildcard_subscription_available "
            "subscription_identifiers_available shared_subscription_available"
        ),
    )
    publishes = st.builds(
        lambda qos, packet_id, dup, **rest: Publish(
            qos=qos, packet_id=packet_id if qos else None, dup=dup and qos > 0, **rest
        ),
        qos=st.integers(0, 2),
        packet_id=packet_ids,
        dup=st.booleans(),
        topic=texts,
        payload=binaries,
        retain=st.booleans(),
        properties=properties(f"{_MESSAGE} topic_alias"),
    )
    options: dict[str, st.SearchStrategy[Any]] = {}
    if v5:
        options = {
            "no_local": st.booleans(),
            "retain_as_published": st.booleans(),
            "retain_handling": st.integers(0, 2),
        }
    subscriptions = st.builds(Subscription, texts, st.integers(0, 2), **options)
    acknowledgements = [
        st.builds(kind, packet_ids, codes, with_reason)
        for kind in (Puback, Pubrec, Pubrel, Pubcomp)
    ]
    some_codes = st.lists(st.integers(0, 0xFF), min_size=1, max_size=4).map(tuple)
    kinds: list[st.SearchStrategy[Any]] = [
        connects,
        connacks,
        publishes,
        *acknowledgements,
        st.builds(
            Subscribe,
            packet_ids,
            st.lists(subscriptions, min_size=1, max_size=4).map(tuple),
            properties("user_properties"),
        ),
        st.builds(Suback, packet_ids, some_codes, with_reason),
        st.builds(
            Unsubscribe,
            packet_ids,
            st.lists(texts, min_size=1, max_size=4).map(tuple),
            properties("user_properties"),
        ),
        st.builds(Unsuback, packet_ids, some_codes if v5 else st.just(()), with_reason),
        st.just(Pingreq()),
        st.just(Pingresp()),
        st.builds(
            Disconnect,
            codes,
            properties("session_expiry_interval server_reference reason_string user_properties"),
        ),
    ]
    if v5:
        kinds.append(st.builds(Auth, codes, properties("authentication_method reason_string")))
    return st.one_of(kinds)
