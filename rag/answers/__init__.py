"""Answer a question with sentences: quoted from the best passages, or written by a language model."""
