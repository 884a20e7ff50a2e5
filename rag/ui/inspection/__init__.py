"""What is told of one answer: its time, its depth, its reasons."""
