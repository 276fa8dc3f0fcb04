"""Turns a request into a checked, typed input: inputs, paging, quotas, names, callers."""
