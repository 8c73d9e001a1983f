"""Measurements of the platform: how it does with much more in it than tests ever put there.

Not shipped with the server, and nothing imports it.
"""
