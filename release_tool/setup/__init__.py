"""Setting a repository up, and checking that it is."""
