"""How fast the platform is, beside what limits it, on one machine and in one run."""
