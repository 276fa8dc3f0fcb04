"""Server mode: moto's HTTP server with just-in-time provisioning and control routes in it.

Needs the extra ``[server]``.
"""

try:
    import flask as flask
except ImportError as error:
    raise ImportError(
        "Server mode needs what moto's server needs: pip install 'moto_jitp[server]'."
    ) from error

from .threaded import ThreadedJitpServer

__all__ = ["ThreadedJitpServer"]
