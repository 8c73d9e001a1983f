"""A campaign against the live feed: many writers, many readers, real faults, and an oracle.

    run.py       puts it together            audit.py    the truth, by a trigger of our own
    writer.py    a process that changes      readers.py  a process full of clients
    faults.py    what goes wrong meanwhile   oracle.py   what must hold afterwards
    database.py, servers.py                  things that can crash

- The oracle shares no code with the feed and never reads its change log.
- Every random choice comes from the seed. What the machine adds, the oracle has to bear.
- A fault must prove that it fired. A run in which one did not proves nothing, and fails.
"""
