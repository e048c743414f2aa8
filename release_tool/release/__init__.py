"""The release stage: plan, claim, upload, publish."""
