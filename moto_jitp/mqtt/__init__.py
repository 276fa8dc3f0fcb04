"""MQTT 3.1.1 and 5 without a socket: topics, packets as bytes and values, the server's sessions.

Nothing here depends on moto, boto3 or the rest of the package.

- ``packets``: the control packets as frozen values; ``properties`` and ``reason_codes`` of MQTT 5.
- ``decoding`` and ``encoding``: bytes to packets and back; ``fields`` are their data types.
- ``errors``: errors in what a peer sent.
- ``server_connection``: one connection as the server sees it; ``events`` are what it reports.
- ``session``: the state that outlives a connection; ``limits`` are AWS IoT's.
- ``messages``, ``subscriptions``, ``shared_filters``: what is published, and its receivers.
- ``topics`` and ``topic_filters``: which of them AWS IoT accepts, and which match.
- ``topic_tree``: the subscriptions that match a topic, found by levels.
"""
