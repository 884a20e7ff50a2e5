"""The Rerankers page, in parts."""
