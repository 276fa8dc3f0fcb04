"""Real devices: MQTT and HTTPS over mutual TLS, on sockets of this machine.

What MQTT is stands in :mod:`moto_jitp.mqtt`, what AWS IoT makes of it in the gateway and the
message broker; here are TLS, sockets and the thread that owns them.

- ``device_endpoint``: ``DeviceEndpoint``, what users start and stop.
- ``front_door``: what the gateway, the sessions and the broker say to what clients ask for.
- ``server``, ``client_connection``: the listening sockets, and one connection.
- ``client_socket``: what connections have in common, whatever is spoken over them.
- ``http_door``, ``http_connection``: the same two for requests over HTTPS.
- ``reached``: which account and Region a client has reached, whatever it speaks.
- ``tls``, ``server_identity``: handshakes, the endpoint's own certificates.
- ``workers``, ``real_time``: threads for what may take long, and a clock that no test moves.
"""
