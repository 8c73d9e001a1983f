"""The machinery behind the fixtures of conftest.py: servers, a proxy, recorders. No tests here."""
