"""Which alpha the training data ask for, and how sure the weights are."""
