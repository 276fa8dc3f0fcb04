"""The one order of everything that happens in the process."""

from __future__ import annotations

import itertools

sequence = itertools.count(1)
"""Numbers attempts, calls, runs and messages, of all accounts and Regions, as they happen."""
