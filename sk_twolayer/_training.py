"""From checked data to trained weights: starts, validation split, solver, best run.

`train` holds out samples where asked, measures the features, draws the starts, lets
cross-validation choose alpha where it does, runs the solver from each start and keeps
the best; `train_more` is one pass of `partial_fit`. A run is `_run`: an objective, a
Monitor, a solver, in the variables of the standardisation. Of alpha there are three
kinds: a number, on the weights of the features as they come; precisions that
cross-validation chose once for all starts; and the evidence, which is a solver around
L-BFGS and chooses in each start anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sk_twolayer._callbacks import Callbacks
from sk_twolayer._cross_validation import (
    FIRST_ITERATIONS,
    FOLDS,
    MOST_SAMPLES,
    RELEVANCE_ROUNDS,
    SEARCH_ITERATIONS,
    SEARCH_TOL,
    Choice,
    choose_alpha,
    precision,
    relevance_factors,
)
from sk_twolayer._engine.blocks import Block
from sk_twolayer._engine.layout import Layout
from sk_twolayer._engine.moments import Moments
from sk_twolayer._engine.objective import CrossEntropyObjective
from sk_twolayer._engine.outputs import choose_output
from sk_twolayer._engine.prior import Prior
from sk_twolayer._engine.standardisation import Standardisation
from sk_twolayer._engine.threads import (
    SERIAL_WORK,
    Workers,
    count_threads,
    evaluation_work,
)
from sk_twolayer._evidence.search import (
    INITIAL,
    Evidence,
    EvidenceSolution,
    maximise_evidence,
)
from sk_twolayer._labels import Labels, class_counts
from sk_twolayer._monitor import Monitor
from sk_twolayer._solvers import (
    Adam,
    Momentum,
    Optimizer,
    Report,
    Solution,
    epoch,
    full_batch,
    lbfgs,
    mini_batch,
    on_grid,
)
from sk_twolayer._start import (
    constant_cost,
    initial_parameters,
    log_odds,
)
from sk_twolayer.network import Parameters

Array = NDArray[Any]

# Where alpha="auto" can't ask the evidence: on the weights of standardised features,
# measured by docs/benchmarks/auto_alpha.py.
# "gd" is the article's descent, which has no penalty.
AUTO_ALPHA = {"adam": 0.3, "gd": 0.0}
# Of n_hidden="auto": the number grows as the square root of the samples does.
FEWEST_NEURONS, MOST_NEURONS, NEURONS_GROW_FROM = 30, 100, 1000
# docs/benchmarks/adam_passes.py compares with MLPClassifier. Sigmoids of few neurons
# take steps a hundred times its 0.001; they shorten, or noise would stay.
LEARNING_RATES = {"gd": 0.5, "adam": 0.1}
SLOW_DOWN = 30
ADAM_BATCH = 200
# Multiply-adds of an evaluation below which starts run faster one after another.
PARALLEL_STARTS_WORK = 200_000


class Settings(NamedTuple):
    """The estimator's parameters that training uses, under the same names."""

    n_hidden: int
    solver: str
    alpha: float | str
    learning_rate: float | str
    momentum: float
    batch_size: int | str
    max_iter: int
    tol: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: float
    n_init: int
    n_jobs: int | None
    verbose: bool | int

    @property
    def by_evidence(self) -> bool:
        """Whether the evidence chooses alpha."""
        return self.alpha in ("evidence", "ard")

    @property
    def by_folds(self) -> bool:
        """Whether cross-validation chooses alpha."""
        return self.alpha == "auto" and self.solver == "lbfgs"

    @property
    def fixed_alpha(self) -> float:
        """Alpha as a number; 0 where it is chosen, as precisions of their own."""
        if isinstance(self.alpha, str):
            return AUTO_ALPHA.get(self.solver, 0.0)
        return self.alpha

    @property
    def raw_alpha(self) -> float:
        """Alpha as a number where it is on the weights of the features as they come."""
        return 0.0 if isinstance(self.alpha, str) else self.alpha


def count_neurons(n_samples: float) -> int:
    """Hidden neurons for so many samples: docs/benchmarks/curves.py judges it."""
    more = FEWEST_NEURONS * (n_samples / NEURONS_GROW_FROM) ** 0.5
    return int(np.clip(more, FEWEST_NEURONS, MOST_NEURONS))


class Samples(NamedTuple):
    """Checked training data.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n, m), float64 or float32
        Samples in rows.
    labels : Labels
        Classes and targets.
    weight : ndarray of shape (n,), float64, or None
        Weights, all above 0.
    """

    X: Any
    labels: Labels
    weight: Array | None

    def take(self, rows: Array) -> Samples:
        """Copy of some rows."""
        labels = self.labels._replace(targets=self.labels.targets[rows])
        weight = None if self.weight is None else self.weight[rows]
        return Samples(self.X[rows], labels, weight)


Attributes = Callable[[Parameters, Standardisation, Evidence | None], dict[str, Any]]


class Trained(NamedTuple):
    """What training gives.

    Attributes
    ----------
    parameters : Parameters
        W1 (k, m), b1 (k, 1), W2 (K, k) and b2 (K, 1), float64.
    standardisation : Standardisation
        Of the training samples.
    moments : Moments
        Of the features of all samples seen.
    cost : float
        The documented cost at the parameters, in nats.
    history : list of float
        Cost at the start and after each iteration, in nats.
    validation_history : list of float
        Validation cost likewise; empty without early stopping.
    optimizer : Optimizer or None
        State of the steps, for `train_more`.
    evidence : EvidenceSolution or None
        What the evidence found, where it chose alpha.
    choice : Choice or None
        What cross-validation found, where it did.
    alpha : ndarray of shape (m + 1,), float64, or None
        Then each feature's precision, and W2's.
    """

    parameters: Parameters
    standardisation: Standardisation
    moments: Moments
    cost: float
    history: list[float]
    validation_history: list[float]
    optimizer: Optimizer | None
    evidence: EvidenceSolution | None = None
    choice: Choice | None = None
    alpha: Array | None = None

    def is_finite(self) -> bool:
        """Whether parameters and cost are."""
        return all(bool(np.isfinite(p).all()) for p in (*self.parameters, self.cost))


class Task(NamedTuple):
    """What every start is trained on, and how."""

    samples: Samples
    validation: Samples | None
    settings: Settings
    moments: Moments
    scales: Standardisation
    choice: Choice | None


class Start(NamedTuple):
    """Where one start begins; `alpha` is where the evidence does."""

    number: int
    parameters: Parameters
    is_drawn: bool
    rng: np.random.RandomState
    alpha: Array | None


def train(
    samples: Samples,
    validation: Samples | None,
    settings: Settings,
    rng: np.random.RandomState,
    initial: list[Parameters],
    initial_alpha: Array | None,
    callbacks: Callbacks,
    attributes: Attributes,
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
    initial : list of Parameters
        Weights of the first starts; the others are drawn.
    initial_alpha : ndarray of shape (n_groups,), float64, or None
        Precisions with which the evidence begins; None is 1.
    callbacks : Callbacks
        The estimator's callbacks.
    attributes : callable
        Gives fitted attributes of parameters and evidence, for callbacks.

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
        samples, validation = _split(samples, settings.validation_fraction, rng)
    m, dtype = samples.X.shape[1], samples.X.dtype
    moments = Moments.of(samples.X, samples.weight).without_lone_values(samples.X)
    scales = moments.standardisation(settings.raw_alpha, dtype)
    shape = m, settings.n_hidden, samples.labels.n_outputs
    counts = class_counts(samples.labels, samples.weight)
    offset = log_odds(counts)
    is_wide = isinstance(settings.alpha, str) or settings.solver != "lbfgs"
    starts = []
    for i in range(settings.n_init):
        drawn = initial_parameters(rng, *shape, scales, offset, is_wide)
        parameters = initial[i] if i < len(initial) else drawn
        own_rng = np.random.RandomState(rng.randint(2**31 - 1))
        is_drawn = i >= len(initial)
        starts.append(Start(i, parameters, is_drawn, own_rng, initial_alpha))
    constant = constant_cost(counts)
    choice = None
    if settings.by_folds:
        choice = _choose(samples, settings, scales, starts[0].parameters, constant)
    task = Task(samples, validation, settings, moments, scales, choice)
    work = evaluation_work(samples.X, settings.n_hidden)
    workers = Workers.for_samples(samples.X, settings.n_hidden, settings.n_jobs)

    def run(index: int, workers: Workers) -> _Run:
        return _run(task, starts[index], workers, callbacks, attributes)

    if settings.n_init > 1 and workers.n_threads == 1 and work > PARALLEL_STARTS_WORK:
        parallel = Parallel(n_jobs=settings.n_jobs, prefer="threads")

        def run_alone(index: int) -> _Run:
            with Workers().started() as alone:
                return run(index, alone)

        with workers.started():
            runs = parallel(delayed(run_alone)(i) for i in range(settings.n_init))
    else:
        runs = []
        with workers.started():
            for i in range(settings.n_init):
                runs.append(run(i, workers))
                if runs[-1].interrupted:
                    break
    finite = [r for r in runs if r.trained.is_finite()]
    if not finite:
        raise ValueError(
            f"Training with solver={settings.solver!r} ended in non-finite weights "
            f"or cost{_remedy(settings)}."
        )
    finite.sort(key=lambda r: r.judged)
    interrupted = any(r.interrupted for r in runs)
    _warn(finite[0], settings, interrupted, constant)
    return [r.trained for r in finite]


def train_more(
    samples: Samples,
    settings: Settings,
    rng: np.random.RandomState,
    parameters: Parameters | None,
    before: Moments | None,
    standardisation: Standardisation | None,
    optimizer: Optimizer | None,
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
    parameters : Parameters or None
        The weights so far; None draws them.
    before : Moments or None
        Of the features of the samples so far; None where there were none.
    standardisation : Standardisation or None
        That of the steps so far.
    optimizer : Optimizer or None
        The state of the steps so far.

    Returns
    -------
    Trained
        The new weights; the history has one entry, the pass's mean cost.
    """
    (n, m), dtype = samples.X.shape, samples.X.dtype
    moments = Moments.of(samples.X, samples.weight)
    if before is not None:
        moments = before.joined(moments, dtype)
    scales = moments.standardisation(settings.raw_alpha, dtype)
    stepper = _optimizer(settings)
    if parameters is None:
        shape = m, settings.n_hidden, samples.labels.n_outputs
        offset = log_odds(class_counts(samples.labels, samples.weight))
        parameters = initial_parameters(rng, *shape, scales, offset)
    elif before is not None and standardisation is not None:
        parameters, standardisation = _release(
            parameters, before, standardisation, scales
        )
    # Its state goes on, at the rate that is set now; another solver begins anew.
    if type(optimizer) is type(stepper):
        stepper.take_state(optimizer)
    workers = Workers.for_samples(samples.X, settings.n_hidden, settings.n_jobs)
    with workers.started(), np.errstate(over="ignore", invalid="ignore"):
        objective = _objective(samples, settings, scales, workers)
        _penalise(objective, settings, moments.total)
        if isinstance(stepper, Adam) and standardisation is not None:
            ratio = scales.scale / standardisation.scale
            shift = scales.scale * (standardisation.center - scales.center)
            stepper.change_variables(objective.split, ratio, shift)
        theta = objective.from_parameters(parameters)
        batch_size = _batch_size(settings, n) or n
        cost, _ = epoch(objective, theta, stepper, batch_size=batch_size, rng=rng)
        parameters = objective.to_parameters(theta)
    trained = Trained(parameters, scales, moments, cost, [cost], [], stepper)
    if not trained.is_finite():
        raise ValueError(
            f"partial_fit with solver={settings.solver!r} ended in non-finite weights "
            f"or cost{_remedy(settings)}."
        )
    return trained


def _release(
    parameters: Parameters, before: Moments, old: Standardisation, new: Standardisation
) -> tuple[Parameters, Standardisation]:
    """Weights of features that had been constant, for the scale that these have now.

    Nothing told their old scale. On the samples before the function stays, by b1.
    """
    constant = before.deviation == 0
    W1 = parameters.W1 * np.where(constant, new.scale / old.scale, 1.0)
    b1 = parameters.b1 + ((parameters.W1 - W1) @ before.mean)[:, None]
    scale = np.where(constant, new.scale, old.scale)
    return parameters._replace(W1=W1, b1=b1), old._replace(scale=scale)


class _Rounds:
    """Follows the rounds of the evidence, and prints them."""

    def __init__(self, title: str | None) -> None:
        self._title, self._count = title, 0
        self.last: Evidence | None = None

    def __call__(self, found: Evidence) -> None:
        self.last = found
        self._count += 1
        if self._title is not None:
            low, high = found.alpha[:-1].min(), found.alpha[:-1].max()
            of_W1 = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
            print(
                f"{self._title} round {self._count:9d}  log evidence "
                f"{found.log_evidence:12.4f}  alpha of W1 {of_W1}, of W2 "
                f"{found.alpha[-1]:.3g}  well-determined {found.gamma.sum():.1f}"
            )


class _Run(NamedTuple):
    """One start's result, and how it ended."""

    trained: Trained
    judged: float
    converged: bool
    interrupted: bool


def _choose(
    samples: Samples,
    settings: Settings,
    scales: Standardisation,
    start: Parameters,
    constant: float,
) -> Choice:
    """Alpha by cross-validation, each fold in a thread."""
    few = min(samples.X.shape[0], MOST_SAMPLES) / samples.X.shape[0]
    work = few * evaluation_work(samples.X, settings.n_hidden)
    threads = 1
    if work > PARALLEL_STARTS_WORK:
        threads = count_threads(settings.n_jobs, FOLDS * max(SERIAL_WORK.values()))

    def objective_of(part: Samples) -> CrossEntropyObjective:
        return _objective(part, settings, scales, Workers())

    def progress(alpha: Array, cost: float) -> None:
        if settings.verbose:
            print(
                f"[TwoLayerSigmoidClassifier] alpha of W1 {alpha[0]:.3g}, of W2 "
                f"{alpha[1]:.3g}: cost of samples left out {cost:.6f}"
            )

    with Workers(threads).started() as workers, np.errstate(over="ignore"):
        return choose_alpha(
            samples,
            scales.scale,
            objective_of,
            lambda objective: on_grid(objective.from_parameters(start)),
            constant,
            workers,
            progress,
        )


def _run(
    task: Task,
    start: Start,
    workers: Workers,
    callbacks: Callbacks,
    attributes: Attributes,
) -> _Run:
    """Run the solver from one start."""
    samples, validation, settings, moments, scales, choice = task
    index, parameters, is_drawn, rng, initial_alpha = start
    objective = _objective(samples, settings, scales, workers)
    _penalise(objective, settings, objective.total)
    validate = None
    if validation is not None:
        validate = _objective(validation, settings, scales, workers).value
    rounds = _Rounds(_title(settings, index))
    hooks = callbacks.start(
        index,
        lambda theta: attributes(objective.to_parameters(theta), scales, rounds.last),
    )
    batch_size = _batch_size(settings, samples.X.shape[0])
    monitor = Monitor(
        validate=validate,
        patience=settings.n_iter_no_change if validate or batch_size else None,
        tol=settings.tol,
        title=_title(settings, index),
        callback=hooks,
    )
    optimizer = None if settings.solver == "lbfgs" else _optimizer(settings)
    theta = objective.from_parameters(parameters)
    if is_drawn and settings.solver == "lbfgs":
        theta = on_grid(theta)
    if settings.by_evidence:
        run = _run_by_evidence(
            objective,
            theta,
            moments,
            scales,
            settings,
            initial_alpha,
            rng,
            monitor,
            rounds,
        )
        if hooks is not None:
            hooks.end()
        return run
    interrupted, alpha = False, None
    # A diverging run overflows on its way to the error that `train` raises.
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            if choice is None:
                solution = _solve(
                    objective, theta, settings, optimizer, batch_size, rng, monitor
                )
            else:
                solution, alpha = _solve_for(
                    choice, objective, theta, settings, monitor
                )
        except KeyboardInterrupt:
            if len(monitor.history) < 2:
                raise
            solution = Solution(monitor.theta, monitor.history, False)
            interrupted = True
        theta, cost = solution.theta, solution.history[-1]
        if validate is not None or interrupted:
            theta = monitor.theta
        if validate is not None or interrupted or batch_size:
            cost = objective.value(theta)
        parameters = objective.to_parameters(theta)
    if hooks is not None:
        hooks.end()
    validation_history = monitor.validation_history
    history = solution.history
    trained = Trained(
        parameters, scales, moments, cost, history, validation_history, optimizer
    )
    trained = trained._replace(choice=choice, alpha=alpha)
    judged = min(validation_history, default=cost)
    return _Run(trained, judged, solution.converged, interrupted)


def _run_by_evidence(
    objective: CrossEntropyObjective,
    theta: Array,
    moments: Moments,
    scales: Standardisation,
    settings: Settings,
    initial_alpha: Array | None,
    rng: np.random.RandomState,
    monitor: Monitor,
    rounds: _Rounds,
) -> _Run:
    """Choose alpha by the evidence, from one start."""
    prior = Prior(objective.layout, str(settings.alpha))
    if initial_alpha is None or np.shape(initial_alpha) != (prior.n_groups,):
        initial_alpha = np.full(prior.n_groups, INITIAL)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            found = maximise_evidence(
                objective,
                prior,
                theta,
                initial_alpha,
                max_iter=settings.max_iter,
                tol=settings.tol,
                rng=rng,
                report=monitor,
                progress=rounds,
            )
    except FloatingPointError:
        parameters = objective.to_parameters(theta)
        diverged = Trained(
            parameters, scales, moments, np.nan, monitor.history, [], None
        )
        return _Run(diverged, np.inf, False, False)
    best = found.best
    parameters = objective.to_parameters(best.theta)
    trained = Trained(
        parameters, scales, moments, best.cost, found.history, [], None, found
    )
    return _Run(trained, -best.log_evidence, found.converged, found.interrupted)


def _solve_for(
    choice: Choice,
    objective: CrossEntropyObjective,
    theta: Array,
    settings: Settings,
    monitor: Monitor,
) -> tuple[Solution, Array]:
    """L-BFGS at the precisions that were chosen; and each feature's, and W2's."""
    factors = np.ones(objective.m)
    # The same way as in the search; the last stage alone ends at `tol`.
    few = settings._replace(
        max_iter=min(settings.max_iter // 2, SEARCH_ITERATIONS),
        tol=max(settings.tol, SEARCH_TOL),
    )
    stages = [few] * (choice.by_relevance * RELEVANCE_ROUNDS) + [settings]
    ways = [(choice.alpha, stage) for stage in stages]
    if not np.array_equal(choice.begin, choice.alpha):
        first = few._replace(max_iter=min(settings.max_iter // 2, FIRST_ITERATIONS))
        ways.insert(0, (choice.begin, first))
    solution, reached = Solution(theta, [], False), choice.alpha
    for i, (alpha, stage) in enumerate(ways):
        left = settings.max_iter + 1 - max(1, len(monitor.history))
        if monitor.stopped or left < 1:
            break
        if i > len(ways) - len(stages):
            factors = relevance_factors(objective, solution.theta)
        objective.set_precision(precision(objective, alpha, factors))
        reached = alpha
        solution = lbfgs(
            objective,
            solution.theta,
            max_iter=min(left, stage.max_iter),
            tol=stage.tol,
            report=_skipping_first(monitor) if i else monitor,
        )
    alpha = np.append(reached[0] * factors, reached[1])
    return Solution(solution.theta, monitor.history, solution.converged), alpha


def _skipping_first(report: Report) -> Report:
    """Of a run that goes on: its first report is of where the last one ended."""
    is_first = True

    def report_others(theta: Array, cost: float, steepest: float) -> bool:
        nonlocal is_first
        if is_first:
            is_first = False
            return False
        return report(theta, cost, steepest)

    return report_others


def _solve(
    objective: CrossEntropyObjective,
    theta: Array,
    settings: Settings,
    optimizer: Optimizer | None,
    batch_size: int | None,
    rng: np.random.RandomState,
    monitor: Monitor,
) -> Solution:
    if optimizer is None:
        return lbfgs(
            objective,
            theta,
            max_iter=settings.max_iter,
            tol=settings.tol,
            report=monitor,
        )
    if batch_size is None:
        return full_batch(
            objective,
            theta,
            optimizer,
            max_iter=settings.max_iter,
            tol=settings.tol,
            report=monitor,
        )
    return mini_batch(
        objective,
        theta,
        optimizer,
        batch_size=batch_size,
        rng=rng,
        max_iter=settings.max_iter,
        report=monitor,
    )


def _objective(
    samples: Samples,
    settings: Settings,
    scales: Standardisation,
    workers: Workers,
) -> CrossEntropyObjective:
    """Mean cross-entropy of some samples."""
    labels = samples.labels
    return CrossEntropyObjective(
        Block(samples.X, labels.targets, samples.weight),
        Layout(samples.X.shape[1], settings.n_hidden, labels.n_outputs),
        choose_output(labels.activation, labels.n_outputs),
        # The article's descent moves the article's own parameters.
        standardisation=None if settings.solver == "gd" else scales,
        workers=workers,
    )


def _penalise(
    objective: CrossEntropyObjective, settings: Settings, total: float
) -> None:
    """Set the penalty, a part of a cost of `total` samples.

    A number is on the weights of the features as they come, "auto" on those of
    standardised ones; the objective's variables are the latter with `raw_alpha` 0.
    """
    precision = np.zeros(objective.size)
    first, second = objective.split(precision)
    first[:-1] = settings.fixed_alpha
    if not isinstance(settings.alpha, str):
        first[:-1] *= objective.scale[:, None] ** 2
    second[:-1] = settings.fixed_alpha
    objective.set_precision(precision * (objective.total / total))


def _optimizer(settings: Settings) -> Optimizer:
    rate, slow_down = settings.learning_rate, np.inf
    if isinstance(rate, str):
        rate, slow_down = LEARNING_RATES[settings.solver], SLOW_DOWN
    if settings.solver == "adam":
        return Adam(rate, slow_down)
    return Momentum(rate, settings.momentum)


def _batch_size(settings: Settings, n: int) -> int | None:
    """Samples in a batch; None where the solver takes all of them at once."""
    if settings.solver == "lbfgs":
        return None
    if isinstance(settings.batch_size, str):
        return min(ADAM_BATCH, n) if settings.solver == "adam" else None
    return min(settings.batch_size, n)


def _split(
    samples: Samples, fraction: float, rng: np.random.RandomState
) -> tuple[Samples, Samples]:
    """Training and validation samples; classes in equal proportion."""
    targets = samples.labels.targets
    try:
        kept, held = train_test_split(
            np.arange(len(targets)),
            test_size=fraction,
            random_state=rng,
            stratify=targets if targets.ndim == 1 else None,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction} can't split "
            f"these {len(targets)} samples: {error} Give more samples of each class, "
            "another validation_fraction, or early_stopping=False."
        ) from error
    return samples.take(kept), samples.take(held)


def _title(settings: Settings, index: int) -> str | None:
    if not settings.verbose:
        return None
    start = f" start {index + 1}/{settings.n_init}" if settings.n_init > 1 else ""
    return f"[{settings.solver}{start}]"


def _remedy(settings: Settings) -> str:
    """What to do where the cost rises."""
    if settings.solver == "lbfgs":
        return "; the features may say nothing about y, or have extreme values"
    rate: Any = repr(settings.learning_rate)
    if isinstance(settings.learning_rate, str):
        rate += f" ({LEARNING_RATES[settings.solver]:g})"
    alpha = f", or alpha={settings.alpha!r}" if settings.fixed_alpha else ""
    return f"; lower learning_rate={rate}{alpha}{_or_scale(settings)}"


def _or_scale(settings: Settings) -> str:
    """The article's descent alone takes the features as they come."""
    is_raw = settings.solver == "gd"
    return ", or scale the features (StandardScaler)" if is_raw else ""


def _warn(best: _Run, settings: Settings, interrupted: bool, constant: float) -> None:
    held_out = best.trained.validation_history
    curve = held_out or best.trained.history
    # Each iteration of L-BFGS lowers the training cost, if only by rounding.
    may_rise = settings.solver != "lbfgs" or settings.early_stopping
    # Where y has one class nothing is below the start's 0, nor below that of the shares.
    is_no_better = curve[0] != 0 and not best.judged < curve[0]
    if interrupted:
        warnings.warn(
            f"Training was interrupted after {len(best.trained.history) - 1} "
            "iterations; the model keeps the best weights found until then.",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif may_rise and len(curve) > 1 and is_no_better:
        what = "validation cost" if held_out else "cost"
        warnings.warn(
            f"Training with solver={settings.solver!r} gave no lower {what} than the "
            f"start's {curve[0]:.4g}: it is {best.judged:.4g}{_remedy(settings)}.",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif best.trained.choice is not None and best.trained.choice.constant:
        warnings.warn(
            "alpha='auto' found no network that predicts left-out samples better than "
            f"the class shares alone do, at a cost of {constant:.4g}: all samples get "
            "about these shares. Check the features, or give a number for alpha.",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif not best.converged:
        reason = f"the gradient fell below tol={settings.tol}"
        if settings.solver != "lbfgs" and _batch_size(settings, 1):
            reason = (
                f"the cost stopped improving by tol={settings.tol} over "
                f"n_iter_no_change={settings.n_iter_no_change} epochs"
            )
        warnings.warn(
            f"solver={settings.solver!r} stopped at max_iter={settings.max_iter} "
            f"before {reason}. Increase max_iter or tol{_or_scale(settings)}.",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif may_rise and not held_out and best.judged >= constant > 0:
        warnings.warn(
            f"Training with solver={settings.solver!r} ended at a cost of "
            f"{best.judged:.4g}, no lower than {constant:.4g}, that of the class shares "
            f"alone{_remedy(settings)}.",
            ConvergenceWarning,
            stacklevel=5,
        )
