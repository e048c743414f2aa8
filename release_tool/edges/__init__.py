"""One outside thing in each file, turned into domain values at once."""
