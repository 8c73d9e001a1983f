"""What every layer may use: settings, errors, signals, writes to sockets.

Knows nothing of the domain, imports no layer.
"""
