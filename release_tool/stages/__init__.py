"""The use cases, one file for each stage of the process."""
