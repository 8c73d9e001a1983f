"""The feed: what its items are, how a page of them is read, and how it is followed live.

An item is what a reader sees. Its identity is `(type, id)`; a row of `platform_feed_events` is the
current state of one item, finished: nothing has to be joined to show it.

- `payloads`   the shape of every item
- `catalogue`  one entry per item type: builder and history
- `item_type`  the machinery behind an entry
- `groups`     which records share one item
- `page`       cursors and the page itself
- `filters`    which items a reader wants

The live feed, of one process: changes travel from the log in the database to its clients.

    changes (log) ── tail ──▶ ring ──┬─▶ hub ──▶ subscriber ──▶ outlet of each client
                       ▲             │
            bell, listener       archive (what the ring has no more)

Rules: a payload is written nowhere but in the catalogue; nothing here commits; nothing here knows
HTTP. Only utils/feed_events.py writes to the table.
"""
