"""The change of variables in which the cost is about round, and its way back.

Training sees features that are centred and scaled, x' = (x - center) * scale, and
weights V1 and c1 for them. It never makes x': since

    Z1 = V1 x' + c1 = W1 x + b1    with W1 = V1 * scale and b1 = c1 - W1 center,

the standardisation is folded into the small matrices, once an evaluation, and the
samples stay raw. (docs/inside.rst, "The change of variables".) `divide` names the
exceptions, where samples are changed as they are loaded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sk_twolayer._typing import Array

# Distance of a feature's mean from 0, in its deviations, above which features are
# centred as they are loaded, by the bytes of a number. Products of raw features round
# to eps times that distance. In float32 the gradient of steep networks, many of whose
# neurons are saturated, is at 2 deviations as far from the exact one as that of
# standardised features is, and at 32 up to twenty times as far. In float64 ten digits
# are left at 1e5.
MAX_OFF_CENTRE = {4: 2.0, 8: 1e5}
# A sum of raw products must not overflow, nor a folded weight be rounded to 0: scales
# may be so far from 1, as a power of the largest number.
LARGEST_SCALE = 0.8


class Standardisation(NamedTuple):
    """Change of variables: training sees (X - center) * scale.

    Its methods change in place a matrix (m + 1, k) that holds W1' over b1', or those of
    the standardised features, V1' over c1', or their gradients.

    Attributes
    ----------
    center : ndarray of shape (m,), float64
        Subtracted from each feature.
    scale : ndarray of shape (m,), float64
        Multiplies each feature.
    """

    center: Array
    scale: Array

    def fold(self, first: Array) -> None:
        """V1' over c1' becomes W1' over b1'."""
        # The scale first, since b1 = c1 - W1 center takes W1 and not V1.
        first[:-1] *= self.scale[:, None]
        first[-1] -= self.center @ first[:-1]

    def unfold(self, first: Array) -> None:
        """W1' over b1' becomes V1' over c1': the inverse of `fold`."""
        first[-1] += self.center @ first[:-1]
        first[:-1] /= self.scale[:, None]

    def fold_gradient(self, first: Array, work: Array) -> None:
        """The gradient by W1' over b1' becomes that by V1' over c1'; work is used.

        It is `fold`'s transpose, by the chain rule: dV1 = (dW1 - db1 center') * scale.
        """
        first[:-1] -= np.multiply(self.center[:, None], first[-1], out=work[:-1])
        first[:-1] *= self.scale[:, None]

    def divide(
        self, dtype: Any, is_sparse: bool, is_kept: bool
    ) -> tuple[Loading, Standardisation | None]:
        """What is done to samples as they are loaded; and what is left to be folded."""
        center, scale = self.center.astype(dtype), self.scale.astype(dtype)
        if is_sparse:
            # A sparse X would be sparse no more.
            return Loading(), self
        limit = float(np.finfo(dtype).max) ** LARGEST_SCALE
        is_extreme = (self.scale > limit).any() or (self.scale < 1 / limit).any()
        if is_kept or is_extreme:
            # Samples that are kept are loaded once. Folding, and copying them beside a
            # 1, would be done anew in each evaluation, and takes a fifth of one of a
            # few hundred samples.
            return Loading(center, scale), None
        off_centre = float(np.abs(self.center * self.scale).max())
        if off_centre > MAX_OFF_CENTRE[np.dtype(dtype).itemsize]:
            return Loading(center), Standardisation(
                np.zeros_like(self.center), self.scale
            )
        return Loading(), self


class Loading(NamedTuple):
    """What is done to samples as they are loaded: mostly nothing, see `divide`.

    Attributes
    ----------
    center, scale : ndarray of shape (m,), dtype of X, default=None
        Subtracted from each feature, and then multiplied with it; None is neither.
    """

    center: Array | None = None
    scale: Array | None = None

    def load(self, X: Array, out: Array) -> None:
        """Fill out (b, m) from samples (b, m)."""
        if self.center is None:
            out[...] = X
            return
        # In the input's own precision, which is exact near the centre.
        np.subtract(X, self.center, out=out)
        if self.scale is not None:
            out *= self.scale
