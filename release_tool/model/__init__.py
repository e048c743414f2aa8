"""The values that everything speaks of: versions, tags, commits."""
