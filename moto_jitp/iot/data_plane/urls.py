"""Routes; moto looks for them beside ``models``."""

from moto.iotdata.urls import url_bases as moto_url_bases

from .responses import JitpIoTDataResponse

ENDPOINTS = r"https?://a[0-9a-z]{13}(?:-ats)?\.iot\.(.+)\.amazonaws\.com"
"""What ``describe_endpoint`` answers for ``iot:Data-ATS`` and ``iot:Data``."""

url_bases = [*moto_url_bases, ENDPOINTS]

url_paths = {"{0}/.*$": JitpIoTDataResponse.dispatch}
