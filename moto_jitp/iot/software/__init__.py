"""The Software Package Catalog: packages and their versions, which things can have."""
