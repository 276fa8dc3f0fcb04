"""Things, their principals, their tags, and how they are looked up."""
