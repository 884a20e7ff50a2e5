"""Measure what reranking is worth over judged questions."""
