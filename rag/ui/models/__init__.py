"""The Models page, in parts."""
