"""What landed on a branch since a tag."""
