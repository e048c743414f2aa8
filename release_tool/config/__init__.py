"""The configuration: TOML text in, one frozen `Config` out; the JSON Schema comes from the same types."""
