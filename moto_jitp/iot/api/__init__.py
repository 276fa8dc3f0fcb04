"""How a request becomes a checked, typed input: inputs, paging, quotas, names, callers."""
