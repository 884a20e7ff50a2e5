"""The Measure page, in parts."""
