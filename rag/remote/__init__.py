"""Rerank on another machine: a GPU endpoint, or a service that speaks one of the known dialects."""
