"""Models as data, where their files lie, and how they run."""
