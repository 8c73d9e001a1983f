"""How fast pages are read and items written, each figure beside its limit, in one run.

    figures.py               what is measured against what, and what it must and should be
    items.py, paths.py       the data, and the pages that are asked for
    naive.py, assembly.py    rivals that do the same work the usual way
    variants.py              the platform with a part of it switched off
    rows_*.py                the measurements: each yields findings
    run.py                   all of them; effort.py: how much
    show.py, chart.py        as a table, as JSON, as a picture

Ratios are formed within one repetition, whose two sides run right after each other; a finding is
the median of them. Times of two runs, or of two machines, are never compared.
"""
