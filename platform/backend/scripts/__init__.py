"""Programs around the platform, for cli.py and script/. They sit beside api/ and ignore it."""
