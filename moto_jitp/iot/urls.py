"""Routes; moto looks for them beside ``models``."""

from moto.iot.urls import url_bases

from .responses import JitpIoTResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/.*$": JitpIoTResponse.dispatch}
