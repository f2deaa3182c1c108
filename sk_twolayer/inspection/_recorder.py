"""Records a fit's iterations, so that the explorer can play them."""

from __future__ import annotations

from typing import Any

from sk_twolayer._arrays import with_numpy
from sk_twolayer.inspection._problem import problem_of_estimator
from sk_twolayer.inspection._trace import Trace
from sk_twolayer.network import Parameters


class Recorder:
    """A callback that keeps the weights of each iteration of a fit.

    For scikit-learn 1.9 and later: ``model.set_callbacks(recorder).fit(X, y)``.

    Attributes
    ----------
    frames : list of Parameters
        W1, b1, W2 and b2 after each iteration; of several starts, the last one's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sk_twolayer import TwoLayerSigmoidClassifier
    >>> from sk_twolayer.inspection import Recorder
    >>> X, y = load_iris(return_X_y=True)
    >>> recorder = Recorder()
    >>> model = TwoLayerSigmoidClassifier(3, random_state=0)
    >>> model.set_callbacks(recorder).fit(X, y)  # doctest: +SKIP
    >>> recorder.trace(model, X, y).show()  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self.frames: list[Parameters] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier
            The one being fitted.
        context : sklearn.callback.CallbackContext
            The fit's.
        """
        self.frames = []

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing is left to be done.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier
            The one that was fitted.
        context : sklearn.callback.CallbackContext
            The fit's.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """A start begins where another ended.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier
            The one being fitted.
        context : sklearn.callback.CallbackContext
            The task's.
        """
        if context.task_name == "start":
            self.frames = []

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> bool:
        """Keep an iteration's weights.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier
            The one being fitted.
        context : sklearn.callback.CallbackContext
            The task's.
        fitted_estimator : TwoLayerSigmoidClassifier
            A model with the weights so far.

        Returns
        -------
        bool
            False: training goes on.
        """
        if context.task_name == "iteration" and fitted_estimator is not None:
            model = with_numpy(fitted_estimator)
            self.frames.append(Parameters(model.W1_, model.b1_, model.W2_, model.b2_))
        return False

    def trace(self, estimator: Any, X: Any, y: Any) -> Trace:
        """The fitted model's matrices, with the iterations on its page.

        Parameters
        ----------
        estimator : TwoLayerSigmoidClassifier
            The model that was fitted.
        X : array-like or sparse matrix of shape (n, m), float
            Samples in rows.
        y : array-like of shape (n,) or (n, L)
            Their labels.

        Returns
        -------
        Trace
            Its page plays the recorded iterations and ends with the model.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If nothing was recorded, or X or y do not fit the estimator.
        """
        if not self.frames:
            raise ValueError(
                "Nothing was recorded: call model.set_callbacks(recorder).fit(X, y) "
                "first."
            )
        problem = problem_of_estimator(estimator, X, y)
        return Trace(problem, [*self.frames, problem.parameters], None)
