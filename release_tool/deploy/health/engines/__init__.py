"""What an engine knows of what it runs: Kubernetes of pods, Docker of containers."""
