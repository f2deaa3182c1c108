"""scikit-learn's callbacks (1.9 and later); without them, nothing happens here.

scikit-learn sees a fit as a tree of tasks: here the fit, its starts where there are
several, and their iterations. A callback is told when a task begins and ends, and may ask
at an iteration's end for a fitted copy of the estimator, which is made only then: so it
is given a function of the attributes, and not these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sk_twolayer._compat import callback_context, has_callbacks

# Of a network (parameters, standardisation and moments) and of what is known of alpha.
Attributes = Callable[[tuple[Any, Any, Any], dict[str, Any]], dict[str, Any]]


def callback_data(X: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
    """What `fit` was given, for the hooks that ask for it."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}


class Callbacks:
    """Calls an estimator's callbacks: fit > start (where several) > iteration.

    Parameters
    ----------
    estimator : estimator
        The one being fitted.
    data : dict
        X, y and metadata, for the hooks that ask for them.
    attributes : callable
        Gives the fitted attributes of a network, and of what is known of alpha.

    Attributes
    ----------
    attributes : callable
        As given.
    """

    def __init__(
        self, estimator: Any, data: dict[str, Any], attributes: Attributes
    ) -> None:
        self._told, self.attributes = {"estimator": estimator, **data}, attributes
        n_init, self._most = estimator.n_init, estimator.max_iter + 1
        self._several = n_init > 1
        self._root = callback_context(
            estimator,
            max_subtasks=n_init if self._several else self._most,
            sequential_subtasks=not self._several,
        )
        if self._root is not None:
            self._root.call_on_fit_task_begin(**self._told)

    def start(
        self, index: int, attributes: Callable[[Any], dict[str, Any]]
    ) -> StartCallbacks | None:
        """Hooks of one start's iterations; None where no callback is set."""
        if self._root is None or not has_callbacks(self._told["estimator"]):
            return None
        if not self._several:
            return StartCallbacks(self._told, self._root, attributes)
        context = self._root.subcontext(
            task_name="start", task_id=index, max_subtasks=self._most
        )
        context.call_on_fit_task_begin(**self._told)
        return StartCallbacks(self._told, context, attributes, own=True)

    def end(self) -> None:
        """The fit is over and its attributes are set."""
        if self._root is not None:
            self._root.call_on_fit_task_end(reconstruction_attributes={}, **self._told)


class StartCallbacks:
    """Calls the hooks around each iteration of one start.

    Parameters
    ----------
    told : dict
        The estimator, X, y and metadata: what every hook is told.
    context : sklearn.callback.CallbackContext
        Parent of the iterations.
    attributes : callable
        Gives the fitted attributes that belong to theta.
    own : bool, default=False
        Whether the context is this start's own, to be ended with it.
    """

    def __init__(
        self,
        told: dict[str, Any],
        context: Any,
        attributes: Callable[[Any], dict[str, Any]],
        own: bool = False,
    ) -> None:
        self._told, self._context = told, context
        self._attributes, self._own = attributes, own
        self._begin()

    def _begin(self) -> None:
        self._iteration = self._context.subcontext(task_name="iteration")
        self._iteration.call_on_fit_task_begin(**self._told)

    def __call__(self, theta: Any) -> bool:
        """An iteration is over and the next may begin; True to stop."""
        stop = self._iteration.call_on_fit_task_end(
            reconstruction_attributes=lambda: self._attributes(theta.copy()),
            **self._told,
        )
        # Whether another one follows only the solver knows: `end` closes the last.
        self._begin()
        return bool(stop)

    def end(self) -> None:
        """The start is over; the iteration that was begun last never ran."""
        self._iteration.call_on_fit_task_end(estimator=self._told["estimator"])
        if self._own:
            self._context.call_on_fit_task_end(estimator=self._told["estimator"])
