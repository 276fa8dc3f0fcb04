"""Server mode: moto's HTTP server with just-in-time provisioning and control routes in it.

Needs the extra ``[server]``.
"""

try:
    import flask as flask
except ImportError as error:
    from moto_jitp.extras import command_for

    raise ImportError(
        f"Server mode needs what moto's server needs: {command_for('server')}"
    ) from error

from .threaded import ThreadedJitpServer

__all__ = ["ThreadedJitpServer"]
