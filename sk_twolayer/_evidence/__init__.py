"""Which alpha the training data ask for, and how sure the weights are: MacKay, 1992.

The penalty is read as a Gaussian prior on the weights w, of precision alpha, and the
sum of the cross-entropies as minus the log-likelihood of y. Then the weights that
minimise the cost are the most probable ones, and about them the posterior is nearly a
Gaussian, whose precision matrix is

    A = H + D,

H the cost's Gauss-Newton matrix and D the diagonal of the prior's precisions. How
probable y is under some alpha, whatever the weights, is the integral over them, the
evidence:

    log evidence = -n cost + 1/2 log |D| - 1/2 log |A|.

It rewards the fit and charges for weights that had to be set finely. It is stationary
at alpha = gamma / |w|^2, gamma = sum_i (1 - D_ii (A^-1)_ii) being how many weights the
data have determined. So a round of `search` minimises the cost, computes A, and moves
alpha there. (Bishop, Pattern Recognition and Machine Learning, 2006, section 5.7.)

`curvature` sums H over the samples, `posterior` factorises A, `jacobian` has the
derivatives J of Z2 that both are made of. The same Gaussian then says how uncertain Z2
is, J A^-1 J' (`covariance`); `predictive` moderates probabilities by that, and
`moderation` asks left-out samples how far it should.
"""
