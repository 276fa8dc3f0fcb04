"""Real devices: MQTT and HTTPS over mutual TLS, on sockets of this machine.

MQTT itself is in :mod:`moto_jitp.mqtt`, and AWS IoT's behaviour in the gateway and the message
broker; here are TLS, sockets and the thread that owns them.

- ``device_endpoint``: ``DeviceEndpoint``, which users start and stop.
- ``front_door``: how the gateway, the sessions and the broker answer clients.
- ``server``, ``client_connection``: the listening sockets, and one connection.
- ``client_socket``: what connections of all protocols have in common.
- ``http_door``, ``http_connection``: the same two for requests over HTTPS.
- ``reached``: the account and Region that a client has reached, for all protocols.
- ``tls``, ``server_identity``: handshakes, the endpoint's own certificates.
- ``workers``, ``real_time``: threads for slow work, and a clock that no test moves.
"""
