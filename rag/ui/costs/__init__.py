"""The Costs page, in parts."""
