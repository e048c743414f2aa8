"""Telling people through channels."""
