"""The feed: what its items are, and how a page of them is read.

An item is what a reader sees. Its identity is `(type, id)`; a row of `platform_feed_events` is the
current state of one item, finished: nothing has to be joined to show it.

- `payloads`   the shape of every item
- `catalogue`  one entry per item type: builder and history
- `item_type`  the machinery behind an entry
- `groups`     which records share one item
- `page`       cursors, filters and the page itself

Rules: a payload is written nowhere but in the catalogue; nothing here commits; nothing here knows
HTTP. Only utils/feed_events.py writes to the table.
"""
