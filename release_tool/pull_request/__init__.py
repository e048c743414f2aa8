"""The pull request stage: check, and preview the release."""
