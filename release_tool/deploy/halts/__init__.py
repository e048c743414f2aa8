"""What stops automatic deployments."""
