"""Threads for the blocks of samples, each with BLAS held to one thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar

from joblib import cpu_count
from joblib.parallel import get_active_backend
from scipy.sparse import issparse
from threadpoolctl import ThreadpoolController

Result = TypeVar("Result")

# Multiply-adds of an evaluation for each thread, below which another one costs more
# than it gives (handing over takes about 0.2 ms), by the bytes of a number.
SERIAL_WORK = {8: 2_000_000, 4: 4_000_000}


@cache
def _blas_libraries() -> list[Any]:
    # Finding the loaded libraries takes milliseconds, so it is done once a process.
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


class _BlasLimit:
    """Holds BLAS to one thread while at least one caller wants it.

    The setting belongs to the process, so callers in several threads are counted:
    the first saves it, and the last one out puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callers = 0
        self._saved: list[int] = []

    def acquire(self) -> None:
        with self._lock:
            if self._callers == 0:
                self._saved = [library.num_threads for library in _blas_libraries()]
                for library in _blas_libraries():
                    library.set_num_threads(1)
            self._callers += 1

    def release(self) -> None:
        with self._lock:
            self._callers -= 1
            if self._callers == 0:
                self._restore()

    def available(self) -> int:
        """Threads that BLAS may use: the user's, or a joblib worker's, share."""
        with self._lock:
            if self._callers:
                return 1
            return min((lib.num_threads for lib in _blas_libraries()), default=1)

    def _restore(self) -> None:
        for library, threads in zip(_blas_libraries(), self._saved, strict=True):
            library.set_num_threads(threads)

    def after_fork(self) -> None:
        """A child has none of its parent's callers; the lock may have been held."""
        if self._callers:
            self._restore()
        self._lock = threading.Lock()
        self._callers = 0


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_limit.after_fork)


def count_threads(n_jobs: int | None, work: float, itemsize: int = 8) -> int:
    """Threads to use.

    Parameters
    ----------
    n_jobs : int or None
        As joblib takes it: None is 1 unless in a ``joblib.parallel_config``,
        negative numbers count from all cores.
    work : float
        Multiply-adds of one evaluation.
    itemsize : int, default=8
        Bytes of a number: 8 or 4.

    Returns
    -------
    int
        At least 1; 1 for little work; in a joblib worker never more than the
        share that joblib left to BLAS.

    Raises
    ------
    ValueError
        If n_jobs is 0.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning; give None, a count, or -1 for all.")
    most = int(work // SERIAL_WORK[itemsize])
    if most < 2:
        return 1
    # Not joblib's effective_n_jobs, which is about processes: these are threads.
    backend, configured = get_active_backend()
    n_jobs = (configured or 1) if n_jobs is None else n_jobs
    threads = n_jobs if n_jobs > 0 else int(cpu_count()) + 1 + n_jobs
    in_worker = (getattr(backend, "nesting_level", 0) or 0) > 0
    if in_worker and threading.current_thread() is not threading.main_thread():
        return 1
    if in_worker or n_jobs < 0:
        threads = min(threads, _blas_limit.available())
    return max(1, min(threads, most))


def evaluation_work(X: Any, n_hidden: int) -> float:
    """Multiply-adds of the first layer's product.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n, m), float
        Samples in rows.
    n_hidden : int
        Hidden neurons, k.

    Returns
    -------
    float
        Those with entries that are stored; a dense X has a column of ones besides.
    """
    entries = X.nnz if issparse(X) else X.shape[0] * (X.shape[1] + 1.0)
    return float(entries * n_hidden)


def share(n_blocks: int, worker: int, n_workers: int) -> range:
    """Blocks of one worker: as many for each, in one run.

    Parameters
    ----------
    n_blocks, worker, n_workers : int
        Blocks in all, the worker's number from 0, and workers in all.

    Returns
    -------
    range
        The blocks' numbers.
    """
    return range(n_blocks * worker // n_workers, n_blocks * (worker + 1) // n_workers)


class Workers:
    """A few threads that run the same function on their part of the blocks.

    Parameters
    ----------
    n_threads : int
        How many, the calling thread included.
    """

    def __init__(self, n_threads: int = 1) -> None:
        self.n_threads = n_threads
        self._executor: ThreadPoolExecutor | None = None

    @classmethod
    def for_samples(cls, X: Any, n_hidden: int, n_jobs: int | None) -> Workers:
        """As many as `count_threads` allows for an evaluation on X."""
        work = evaluation_work(X, n_hidden)
        return cls(count_threads(n_jobs, work, X.dtype.itemsize))

    @contextmanager
    def started(self) -> Iterator[Workers]:
        """Threads running and BLAS on one thread, until the body ends or raises."""
        _blas_limit.acquire()
        try:
            if self.n_threads > 1:
                self._executor = ThreadPoolExecutor(
                    self.n_threads - 1, thread_name_prefix="sk_twolayer"
                )
            yield self
        finally:
            try:
                if self._executor is not None:
                    self._executor.shutdown()
                    self._executor = None
            finally:
                _blas_limit.release()

    def run(
        self, function: Callable[[int], Result], n_parts: int | None = None
    ) -> list[Result]:
        """Results of function(0), ..., function(n_parts - 1), in this order."""
        n_parts = self.n_threads if n_parts is None else n_parts
        if self._executor is None or n_parts == 1:
            return [function(i) for i in range(n_parts)]
        # In the caller's context, of which NumPy's errstate is part.
        others = [
            self._executor.submit(copy_context().run, function, i)
            for i in range(1, n_parts)
        ]
        try:
            first = function(0)
        finally:
            # Also after an exception: the others still use the shared buffers.
            wait(others)
        return [first, *(other.result() for other in others)]
