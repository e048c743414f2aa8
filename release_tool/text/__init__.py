"""Text that people wrote, made safe and shown."""
