"""The record of the deployments of an environment, kept as GitHub deployments."""
