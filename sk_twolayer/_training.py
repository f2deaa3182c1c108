"""From checked data to trained weights: starts, validation split, solver, best run.

`train` holds out samples where asked, measures the features, draws the starts, trains
from each and keeps the best; `train_more` is one pass of `partial_fit`. A run is
`_run`: an objective, a Monitor, and a way to choose alpha, in the variables of the
standardisation. Which way that is, is decided once, in `train`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sk_twolayer._alpha import AlphaStrategy, FixedAlpha
from sk_twolayer._callbacks import Callbacks
from sk_twolayer._cross_validation import CrossValidation
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.prior import HELD, precision_of
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import Workers
from sk_twolayer._evidence.laplace import laplace
from sk_twolayer._evidence.search import EvidenceMaximisation
from sk_twolayer._labels import constant_cost
from sk_twolayer._monitor import Found, Monitor, Start
from sk_twolayer._samples import Samples
from sk_twolayer._settings import LEARNING_RATES, Settings
from sk_twolayer._solvers import Adam, Optimizer, epoch, on_grid
from sk_twolayer._start import initial_parameters, log_odds
from sk_twolayer._typing import Array
from sk_twolayer.network import Parameters

# Of n_hidden="auto": the number grows as the square root of the samples does.
FEWEST_NEURONS, MOST_NEURONS, NEURONS_GROW_FROM = 30, 100, 500
# Samples that say how sure the weights are, where the evidence does not.
LAPLACE_SAMPLES = 500
# And the least precision of weights there.
LEAST_PRECISION = 0.01
# Part of the class shares' cost below which a gain is as good as none.
LITTLE = 1e-4
# Share of the rarest class below which `tol` is less, in proportion, and its least part.
RARE, LEAST_OF_TOL = 0.01, 0.01


def count_neurons(n_samples: float) -> int:
    """Hidden neurons for so many samples: docs/benchmarks/curves.py judges it."""
    more = FEWEST_NEURONS * (n_samples / NEURONS_GROW_FROM) ** 0.5
    return int(np.clip(more, FEWEST_NEURONS, MOST_NEURONS))


class Initial(NamedTuple):
    """What an earlier fit, or the caller, begins with.

    Attributes
    ----------
    parameters : list of Parameters
        Weights of the first starts; the others are drawn.
    alpha : ndarray of shape (n_groups,), float64, or None
        Precisions with which the evidence begins; None is 1.
    """

    parameters: list[Parameters]
    alpha: Array | None = None


class Trained(NamedTuple):
    """What training from one start gives.

    Attributes
    ----------
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64.
    standardisation : Standardisation
        Of the training samples.
    moments : Moments
        Of the features of all samples seen.
    found : Found
        The cost, how training ended, and what it found of alpha.
    history : list of float
        Cost at the start and after each iteration, in nats.
    validation_history : list of float, default=()
        Validation cost likewise; empty without early stopping.
    optimizer : Optimizer, default=None
        State of the steps, for `train_more`.
    """

    parameters: Parameters
    standardisation: Standardisation
    moments: Moments
    found: Found
    history: list[float]
    validation_history: Sequence[float] = ()
    optimizer: Optimizer | None = None

    def is_finite(self) -> bool:
        """Whether the cost and the weights are, in the variables of predictions."""
        (k, m), K = self.parameters.W1.shape, len(self.parameters.W2)
        # W1 and the means may be finite, and their product not.
        with np.errstate(over="ignore", invalid="ignore"):
            theta = Layout(m, k, K).from_parameters(
                self.parameters, self.standardisation
            )
        return bool(np.isfinite(theta).all() and np.isfinite(self.found.cost))


class SoFar(NamedTuple):
    """What `train_more` goes on from.

    Attributes
    ----------
    parameters : Parameters
        The weights.
    moments : Moments
        Of the features of all samples so far.
    standardisation : Standardisation
        That of the steps.
    optimizer : Optimizer or None
        The steps' state.
    """

    parameters: Parameters
    moments: Moments
    standardisation: Standardisation
    optimizer: Optimizer | None


class _Task(NamedTuple):
    """What every start is trained on, and how."""

    samples: Samples
    validation: Samples | None
    settings: Settings
    moments: Moments
    scales: Standardisation
    strategy: AlphaStrategy
    callbacks: Callbacks


class _Begin(NamedTuple):
    """Where one start begins."""

    number: int
    parameters: Parameters
    is_drawn: bool
    rng: np.random.RandomState


def train(
    samples: Samples,
    validation: Samples | None,
    settings: Settings,
    rng: np.random.RandomState,
    initial: Initial,
    callbacks: Callbacks,
) -> list[Trained]:
    """Train from one or several starts.

    Parameters
    ----------
    samples : Samples
        Checked training data.
    validation : Samples or None
        Checked data for early stopping; None holds out some of the others.
    settings : Settings
        The estimator's parameters.
    rng : RandomState
        Draws the split, the starting weights and the batches.
    initial : Initial
        What an earlier fit, or the caller, begins with.
    callbacks : Callbacks
        The estimator's callbacks.

    Returns
    -------
    list of Trained
        Those with finite weights, the best first: by the highest evidence, or the
        least validation cost, or else the least training cost.

    Raises
    ------
    ValueError
        If the validation split is impossible, or every start ends in weights that
        are not finite.
    KeyboardInterrupt
        If interrupted before the first iteration was done.
    """
    if settings.early_stopping and validation is None:
        samples, validation = samples.split(settings.validation_fraction, rng)
        missing = (validation.class_counts() == 0) & (samples.class_counts() > 0)
        if missing.any():
            warnings.warn(
                f"early_stopping=True holds out {validation.n} samples, and of a rare class "
                "none: training may end where it is forgotten. Give X_val and y_val that "
                "have it, or early_stopping=False.",
                UserWarning,
                stacklevel=4,
            )
    moments = samples.robust_moments()
    scales = moments.standardisation(settings.raw_alpha, samples.dtype)
    layout = Layout(samples.m, settings.n_hidden, samples.labels.n_outputs)
    counts = samples.class_counts()
    offset, constant = log_odds(counts), constant_cost(counts)
    given = settings
    settings = given._replace(tol=given.tol * _part_of_tol(counts))
    starts = []
    for i in range(settings.n_init):
        drawn = initial_parameters(
            rng,
            layout,
            scales,
            offset,
            settings.is_wide,
            samples.signs,
            moments.deviation == 0,
        )
        if i == 0:
            # Weights of an earlier fit would tell the folds what they leave out.
            of_folds = drawn
        is_drawn = i >= len(initial.parameters)
        parameters = drawn if is_drawn else initial.parameters[i]
        own_rng = np.random.RandomState(rng.randint(2**31 - 1))
        starts.append(_Begin(i, parameters, is_drawn, own_rng))
    strategy: AlphaStrategy = FixedAlpha(settings)
    if settings.by_folds:
        strategy = CrossValidation.of(samples, settings, scales, of_folds)
    elif settings.by_evidence:
        strategy = EvidenceMaximisation(
            str(settings.alpha), initial.alpha, settings.max_iter, settings.tol
        )
    task = _Task(samples, validation, settings, moments, scales, strategy, callbacks)
    workers = samples.workers(settings.n_hidden, settings.n_jobs)
    # Where the threads have too little to do in an evaluation each takes other starts.
    of_starts = Workers()
    if workers.n_threads == 1:
        work = samples.work(settings.n_hidden)
        of_starts = Workers.for_fits(settings.n_init, work, settings.n_jobs)
    if of_starts.n_threads > 1:

        def run_alone(i: int) -> Trained:
            with Workers().started() as alone:
                return _run(task, starts[i], alone)

        with of_starts.started():
            runs = of_starts.run(run_alone, settings.n_init)
    else:
        runs = []
        with workers.started():
            for start in starts:
                runs.append(_run(task, start, workers))
                if runs[-1].found.interrupted:
                    break
    finite = [run for run in runs if run.is_finite()]
    if not finite:
        raise _not_finite("Training", settings)
    finite.sort(key=lambda run: run.found.judged)
    complaint = _complaint(finite, given, constant)
    if complaint is not None:
        warnings.warn(complaint, ConvergenceWarning, stacklevel=4)
    return [_with_covariance(run, samples, settings) for run in finite]


def _with_covariance(trained: Trained, samples: Samples, settings: Settings) -> Trained:
    """With the covariance of Z2, if the evidence did not give it: by some samples."""
    attributes = trained.found.attributes
    if "_covariance" in attributes:
        return trained
    few = samples.at_most(LAPLACE_SAMPLES)
    workers = few.workers(settings.n_hidden, settings.n_jobs)
    with workers.started(), np.errstate(over="ignore", invalid="ignore"):
        # In the variables of the standardisation, also of the article's descent.
        scales = trained.standardisation
        objective = few.objective(settings.n_hidden, scales, workers)
        alpha = np.broadcast_to(attributes["alpha_"], samples.m + 1).astype(float)
        if not isinstance(settings.alpha, str):
            alpha[:-1] *= scales.scale**2
        # Without a penalty weights that no sample determines would have no end.
        alpha = np.maximum(alpha, LEAST_PRECISION)
        precision = precision_of(objective.layout, alpha[:-1, None], alpha[-1])
        theta = objective.from_parameters(trained.parameters)
        precision[objective.at_bound(theta)] = HELD
        try:
            covariance = laplace(objective, theta, precision, trained.moments.total)
        except FloatingPointError:
            return trained
    found = trained.found._replace(attributes=attributes | {"_covariance": covariance})
    return trained._replace(found=found)


def train_more(
    samples: Samples,
    settings: Settings,
    rng: np.random.RandomState,
    before: SoFar | None,
) -> Trained:
    """One pass over more samples: what `partial_fit` does.

    Parameters
    ----------
    samples : Samples
        Checked training data.
    settings : Settings
        The estimator's parameters.
    rng : RandomState
        Draws the starting weights and the batches.
    before : SoFar or None
        What it goes on from; None draws a network.

    Returns
    -------
    Trained
        The new weights; the history has one entry, the pass's mean cost.
    """
    dtype, k = samples.dtype, settings.n_hidden
    moments = samples.moments()
    if before is not None:
        moments = before.moments.joined(moments, dtype)
    scales = moments.standardisation(settings.raw_alpha, dtype)
    stepper = settings.optimizer()
    if before is None:
        layout = Layout(samples.m, k, samples.labels.n_outputs)
        offset = log_odds(samples.class_counts())
        parameters = initial_parameters(
            rng, layout, scales, offset, signs=samples.signs
        )
    else:
        parameters, old = _release(before, scales)
        # Its state goes on, at the rate that is set now; another solver begins anew.
        if type(before.optimizer) is type(stepper):
            stepper.take_state(before.optimizer)
    workers = samples.workers(k, settings.n_jobs)
    with workers.started(), np.errstate(over="ignore", invalid="ignore"):
        objective = _objective(samples, settings, scales, workers)
        FixedAlpha(settings).penalise(objective, moments.total)
        if isinstance(stepper, Adam) and before is not None:
            ratio = scales.scale / old.scale
            shift = scales.scale * (old.center - scales.center)
            stepper.change_variables(objective.split, ratio, shift)
        theta = objective.from_parameters(parameters)
        batch_size = settings.samples_in_batch(samples.n) or samples.n
        cost, _ = epoch(objective, theta, stepper, batch_size=batch_size, rng=rng)
        parameters = objective.to_parameters(theta)
    found = Found(theta, cost, cost, True, {"alpha_": settings.fixed_alpha})
    trained = Trained(parameters, scales, moments, found, [cost], optimizer=stepper)
    if not trained.is_finite():
        raise _not_finite("partial_fit", settings)
    return trained


def _release(before: SoFar, new: Standardisation) -> tuple[Parameters, Standardisation]:
    """Weights of features that had been constant, for the scale that these have now.

    Nothing told their old scale. On the samples before the function stays, by b1.
    """
    parameters, moments, old, _ = before
    constant = moments.deviation == 0
    W1 = parameters.W1 * np.where(constant, new.scale / old.scale, 1.0)
    b1 = parameters.b1 + ((parameters.W1 - W1) @ moments.mean)[:, None]
    scale = np.where(constant, new.scale, old.scale)
    return parameters._replace(W1=W1, b1=b1), old._replace(scale=scale)


def _run(task: _Task, start: _Begin, workers: Workers) -> Trained:
    """Train from one start."""
    settings, scales = task.settings, task.scales
    objective = _objective(task.samples, settings, scales, workers)
    validate = None
    if task.validation is not None:
        validate = _objective(task.validation, settings, scales, workers).value
    by_batches = settings.samples_in_batch(task.samples.n) is not None

    def attributes(theta: Array) -> dict[str, Any]:
        parameters = objective.to_parameters(theta)
        network = parameters, scales, task.moments
        return task.callbacks.attributes(network, monitor.found)

    hooks = task.callbacks.start(start.number, attributes)
    monitor = Monitor(
        validate=validate,
        patience=settings.n_iter_no_change if validate or by_batches else None,
        tol=settings.tol,
        title=_title(settings, start.number),
        callback=hooks,
    )
    theta = objective.from_parameters(start.parameters)
    if start.is_drawn and settings.solver == "lbfgs":
        theta = on_grid(theta)
    # A diverging run overflows on its way to the error that `train` raises.
    with np.errstate(over="ignore", invalid="ignore"):
        found = task.strategy.choose(objective, Start(theta, start.rng), monitor)
        parameters = objective.to_parameters(found.theta)
    if hooks is not None:
        hooks.end()
    return Trained(
        parameters,
        scales,
        task.moments,
        found,
        monitor.history,
        monitor.validation_history,
    )


def _part_of_tol(counts: Array) -> float:
    """Less than 1 where a class has less than 1 % of the samples.

    The gradient by b2 is the classes' mean probability less their share: with `tol` alone
    that of a rare class could be off by as much as it is.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    rarest = shares[shares > 0].min()
    return float(np.clip(rarest / RARE, LEAST_OF_TOL, 1.0))


def _objective(
    samples: Samples, settings: Settings, scales: Standardisation, workers: Workers
) -> CrossEntropyObjective:
    """Mean cross-entropy; the article's descent moves the article's own parameters."""
    own = None if settings.solver == "gd" else scales
    return samples.objective(settings.n_hidden, own, workers)


def _title(settings: Settings, index: int) -> str | None:
    if not settings.verbose:
        return None
    start = f" start {index + 1}/{settings.n_init}" if settings.n_init > 1 else ""
    return f"[{settings.solver}{start}]"


def _not_finite(what: str, settings: Settings) -> ValueError:
    return ValueError(
        f"{what} with solver={settings.solver!r} ended in non-finite weights or cost"
        f"{_remedy(settings)}."
    )


def _remedy(settings: Settings) -> str:
    """What to do where the cost rises."""
    if settings.solver == "lbfgs":
        remedy = "; the features may say nothing about y, or have extreme values"
        if settings.fixed_alpha:
            remedy += f', or alpha={settings.alpha!r} is too large: "auto" searches'
        return remedy
    rate: Any = repr(settings.learning_rate)
    if isinstance(settings.learning_rate, str):
        rate += f" ({LEARNING_RATES[settings.solver]:g})"
    alpha = f", or alpha={settings.alpha!r}" if settings.fixed_alpha else ""
    return f"; lower learning_rate={rate}{alpha}{_or_scale(settings)}"


def _or_scale(settings: Settings) -> str:
    """The article's descent alone takes the features as they come."""
    is_raw = settings.solver == "gd"
    return ", or scale the features (StandardScaler)" if is_raw else ""


def _complaint(runs: list[Trained], settings: Settings, constant: float) -> str | None:
    """What is to be said of how training ended, the best first; None if all is well."""
    best = runs[0]
    found, held_out = best.found, best.validation_history
    curve = held_out or best.history
    if any(run.found.interrupted for run in runs):
        return (
            f"Training was interrupted after {len(best.history) - 1} "
            "iterations; the model keeps the best weights found until then."
        )
    # Each iteration of L-BFGS lowers the training cost, if only by rounding.
    may_rise = settings.solver != "lbfgs" or settings.early_stopping
    # The searches for alpha look for such an end themselves.
    is_given = not (settings.by_folds or settings.by_evidence)
    # Where y has one class nothing is below the start's 0, nor below that of the shares.
    is_no_better = curve[0] != 0 and not found.judged < curve[0]
    if may_rise and len(curve) > 1 and is_no_better:
        what = "validation cost" if held_out else "cost"
        return (
            f"Training with solver={settings.solver!r} gave no lower {what} than the "
            f"start's {curve[0]:.4g}: it is {found.judged:.4g}{_remedy(settings)}."
        )
    if found.is_constant and not constant:
        return (
            "One class alone has samples with a weight above 0, and is predicted "
            "everywhere."
        )
    if found.is_constant:
        return (
            "alpha='auto' found no network that predicts left-out samples better than "
            f"the class shares alone do, at a cost of {constant:.4g}: all samples get "
            "about these shares. Check the features, or give a number for alpha."
        )
    if not found.converged:
        reason = f"the gradient fell below tol={settings.tol}"
        if settings.samples_in_batch(1):
            reason = (
                f"the cost stopped improving by tol={settings.tol} over "
                f"n_iter_no_change={settings.n_iter_no_change} epochs"
            )
        return (
            f"solver={settings.solver!r} stopped at max_iter={settings.max_iter} "
            f"before {reason}. Increase max_iter or tol{_or_scale(settings)}."
        )
    if (
        is_given
        and not held_out
        and constant
        and not found.cost < (1 - LITTLE) * constant
    ):
        return (
            f"Training with solver={settings.solver!r} ended at a cost of "
            f"{found.cost:.4g}, no lower than {constant:.4g}, that of the class shares "
            f"alone{_remedy(settings)}."
        )
    return None
