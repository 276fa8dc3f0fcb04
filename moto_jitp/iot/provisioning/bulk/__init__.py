"""Bulk registration: RegisterThing for each line of a file in S3."""
