"""What every layer may use: settings and errors. Knows nothing of the domain, imports no layer."""
