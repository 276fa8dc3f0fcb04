"""Fleet indexing: what is indexed, and searching it."""
