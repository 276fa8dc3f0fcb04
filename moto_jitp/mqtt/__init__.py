"""MQTT 3.1.1 and 5 without a socket: topics, packets as bytes and values, the server's sessions.

Nothing here knows moto, boto3 or the rest of the package.

- ``topic_tree``: which subscriptions a topic matches, by levels rather than by walking them all.
"""
