"""Drive a running server as a client would, and say whether it keeps its promises."""
