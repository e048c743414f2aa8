"""Notifications through channels."""
