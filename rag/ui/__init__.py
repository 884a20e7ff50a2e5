"""The page: reads controls, calls the service once, draws records."""
