"""Routes; moto looks for them beside ``models``."""

from moto.iot.urls import url_bases

from .api.operations import OPERATIONS
from .models import JitpIoTBackend as JitpIoTBackend  # its parts fill the table of operations
from .responses import JitpIoTResponse

__all__ = ["url_bases", "url_paths"]

JitpIoTResponse.answer(OPERATIONS.values())

url_paths = {"{0}/.*$": JitpIoTResponse.dispatch}
