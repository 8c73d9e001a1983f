"""Steps that several write paths share. Nothing here commits; nothing here knows HTTP."""
