"""Programs around the platform, started by cli.py. They sit beside api/ and know nothing of it."""
