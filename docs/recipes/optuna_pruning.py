"""Stop Optuna's poor trials early, with any solver.

pip install optuna

A callback is called after each iteration, of "lbfgs" too, with the model so far. Before
scikit-learn 1.9 there are no callbacks: `by_warm_start` fits a few iterations at a time.
"""

import warnings

import optuna
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sk_twolayer import TwoLayerSigmoidClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, stratify=y, random_state=0)


class Pruning:
    """Reports the validation loss every few iterations; ends where Optuna says so."""

    max_propagation_depth = None

    def __init__(self, trial, every=5):
        self.trial, self.every, self.step = trial, every, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "iteration" or fitted_estimator is None:
            return
        self.step += 1
        if self.step % self.every == 0:
            probabilities = fitted_estimator.predict_proba(X_valid)
            self.trial.report(log_loss(y_valid, probabilities), self.step)
            if self.trial.should_prune():
                raise optuna.TrialPruned


def suggest(trial):
    return TwoLayerSigmoidClassifier(
        n_hidden=trial.suggest_int("n_hidden", 2, 20),
        alpha=trial.suggest_float("alpha", 1e-4, 1e3, log=True),
        random_state=0,
    )


def by_callback(trial):
    model = suggest(trial).set_callbacks(Pruning(trial)).fit(X_train, y_train)
    return log_loss(y_valid, model.predict_proba(X_valid))


def by_warm_start(trial, every=5, most=100):
    model = suggest(trial).set_params(warm_start=True, max_iter=every)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for step in range(every, most + 1, every):
            model.fit(X_train, y_train)
            loss = log_loss(y_valid, model.predict_proba(X_valid))
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
            if model.n_iter_ < every:
                break
    return loss


optuna.logging.set_verbosity(optuna.logging.WARNING)
has_callbacks = hasattr(TwoLayerSigmoidClassifier, "set_callbacks")
for objective in [by_callback, by_warm_start] if has_callbacks else [by_warm_start]:
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=10),
    )
    study.optimize(objective, n_trials=12)
    states = [trial.state.name for trial in study.trials]
    print(
        f"{objective.__name__}: {states.count('PRUNED')} of {len(states)} trials "
        f"pruned; the best has log-loss {study.best_value:.3f} with {study.best_params}"
    )
    assert {"PRUNED", "COMPLETE"} == set(states)

best = suggest(study.best_trial).fit(X, y)
