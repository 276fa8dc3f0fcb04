"""The query language of fleet indexing, parsed once and matched against many documents.

It depends neither on moto nor on things: documents provide the values of their fields.
https://docs.aws.amazon.com/iot/latest/developerguide/query-syntax.html

Examples:
    >>> query = parse_query("attributes.battery:[70 TO 100] NOT thingName:old*")
    >>> query.fields
    ('attributes.battery', 'thingName')
"""

from __future__ import annotations

from .parsing import Query, QueryError, parse_query
from .tree import Document, Value, number_in

__all__ = ["Document", "Query", "QueryError", "Value", "number_in", "parse_query"]
