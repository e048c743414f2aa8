"""The notes of a release: rendered, edited, merged."""
