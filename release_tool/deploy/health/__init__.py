"""Measuring and judging whether a deployment is healthy."""
