"""Routes, found by moto beside ``models``."""

from moto.iot.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
