"""Look into one answered question: why, how long, how deep, and with which reranker."""
