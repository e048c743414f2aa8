"""The sync stage: carry a release into the hosted branch."""
