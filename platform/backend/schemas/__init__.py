"""Wire shapes of the HTTP API, one file per area with the same stem as in api/."""
