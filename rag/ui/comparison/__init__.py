"""Both rankings side by side: cards, movements, grades."""
