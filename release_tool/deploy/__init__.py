"""The deployment stage: bring a version to an environment, prove it, or roll back."""
