"""Sums over samples: cost, gradient and predictions; of no label and no estimator.

The cost is a sum over samples, and so is its gradient. What it takes is memory traffic,
and the engine is arranged so that a sample is read once and all that is made of it
stays in a core's cache until it has been added up. Its words, from small to large:

- A *sample* is a row of X, as scikit-learn stores it (a column in `network`, as in the
  article). Samples stay raw: centring, scaling and the sigmoid's halves are folded into
  the small weight matrices, once an evaluation (`layers`, `standardisation`).
- A *chunk* is so few rows that BLAS multiplies them without packing its operands first,
  which for narrow matrices takes as long as the product (`blocks.chunks`).
- A *block* is a run of samples whose intermediates (X beside a 1, T, Z2) fill the
  cache; each of its operations is one call of NumPy (`layers.ForwardPass`).
- A *group* is a run of blocks whose short operations, on (b, 1) arrays, are done
  together: their number counts, because threads hand over Python's lock between them.
- A *share* is the run of blocks that one worker sums, in a thread of its own and with
  its own buffers (`sums`, `threads`). Shares are added in a fixed order: the same number
  of threads always gives the same sums.
- A *partition* is the samples of one place, with these buffers. It answers at theta with
  sums, and no more; what theta means, and the penalty, is the objective's (`partition`,
  `objective`).

Solvers see one flat vector theta; `layout` alone knows where each parameter lies in it,
and `outputs` alone what sigmoid and softmax differ in. `objective` and `forward` are
the two doors, for training and prediction; both lead to the same forward pass.
docs/inside.rst has the formulas in a table, whose rows the comments here name.
"""
