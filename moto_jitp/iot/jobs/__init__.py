"""Jobs: their lists, what there must be to act on one, and the API by which devices see them."""
