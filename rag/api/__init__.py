"""The HTTP side: the same service, for programs."""
