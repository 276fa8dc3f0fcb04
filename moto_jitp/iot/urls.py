"""Routes; moto looks for them beside ``models``."""

from moto.iot.urls import url_bases

# The parts of the backend, and these modules, fill the table of operations.
from .account import account_listings as account_listings
from .api.operations import OPERATIONS
from .jobs import job_listings as job_listings
from .models import JitpIoTBackend as JitpIoTBackend
from .permissions import policy_listings as policy_listings
from .registry import registry_listings as registry_listings
from .responses import JitpIoTResponse

__all__ = ["url_bases", "url_paths"]

JitpIoTResponse.answer(OPERATIONS.values())

url_paths = {"{0}/.*$": JitpIoTResponse.dispatch}
