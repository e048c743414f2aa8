"""The demonstration and the rehearsal, played on the stand-in."""
