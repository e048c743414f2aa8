"""Processes, clock, host and folders of this machine."""
