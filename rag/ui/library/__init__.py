"""The Library page, in parts."""
