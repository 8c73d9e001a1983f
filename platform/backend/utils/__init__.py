"""Steps that several write paths share, and the tasks that keep the feed true.

A step leaves the commit to its caller; a task (backfill, repair, refresher, watch) commits each of
its batches. Nothing here knows HTTP.
"""
