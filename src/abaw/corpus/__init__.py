"""The corpus: which tracks there are, their labels, and what does not fit together."""
