"""Sums over samples: the objective and the forward pass, of no labels and no estimator."""
