"""What is where: one snapshot, as text, exports, metrics and pages."""
