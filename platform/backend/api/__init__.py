"""The HTTP layer: one file per area, each a list of handlers that read alike.

A write handler: load → change → flush → emit → commit → return. It commits once, in plain sight,
as the line after its last emit; a commit in a dependency would run after the response is sent and
could fail behind a 200. Handlers raise core.errors; problems.py shapes them for the wire.

Areas do not import each other.
"""
