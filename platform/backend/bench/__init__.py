"""Measurements, long runs, and what they need; each has its command in script/.

    measure.py, reading/, speed/    how fast the platform is, beside what limits it
    campaign.py, live/, rebuild.py  long runs: faults against the live feed, a feed built anew
    mutants.py                      faults planted in the live feed, which tests have to find
    history.py, records.py, plan.py, words.py
                                    a platform with much more in it than tests put there
    screenshots.py, showcase.py     the pictures of the reader, the report's platform

The platform imports nothing of it. Tests do: histories, and short slices of the long runs.
"""
