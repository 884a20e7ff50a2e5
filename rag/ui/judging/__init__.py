"""The Judge page, in parts."""
