"""Threads for the blocks of samples, each with BLAS held to one thread.

The products of a block are small: BLAS's own threads would wait for each other after
each of them, while a thread that sums a whole share of the blocks waits once. So Python
threads share the blocks, NumPy letting Python's lock go in its loops, and BLAS is held
to one thread meanwhile. Its number of threads mostly belongs to the process, and others
may use or set it at the same time: `_BlasLimit` counts callers, and puts back what it
found. (docs/inside.rst, "Threads".)
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from joblib import cpu_count
from scipy.sparse import issparse
from threadpoolctl import ThreadpoolController
from threadpoolctl import __version__ as threadpoolctl_version

from sk_twolayer._compat import get_active_backend, parse_version
from sk_twolayer._typing import Result

# Multiply-adds of an evaluation for each thread, below which another one costs more
# than it gives (handing over takes about 0.2 ms), by the bytes of a number.
SERIAL_WORK = {8: 2_000_000, 4: 4_000_000}
# And below which whole fits run faster one after another: with Python's lock, which each
# of them needs between its array operations, and without.
FITS_WORK, FREE_FITS_WORK = 20_000_000, 200_000


# Of the libraries here it is each thread's own number that later versions set.
LIMITS_OF_A_THREAD = parse_version(threadpoolctl_version) >= parse_version("3.7")

OPENBLAS_SETTERS = [
    f"{prefix}openblas_set_num_threads{suffix}"
    for prefix in ("", "scipy_")
    for suffix in ("", "64_", "_64")
]


class _Library:
    """One BLAS library: its number of threads, and whose number that is."""

    def __init__(self, controller: Any) -> None:
        self._controller = controller
        layer = getattr(controller, "threading_layer", None)
        several = controller.internal_api == "mkl" or layer == "openmp"
        self.of_a_thread = LIMITS_OF_A_THREAD and several
        self.set = controller.set_num_threads
        if controller.internal_api == "openblas" and layer != "openmp":
            # From threadpoolctl 3.8 on its setter does nothing, silently, in all
            # threads but the first to call it; OpenBLAS's own works in each.
            handle = getattr(controller, "dynlib", None)
            own = (getattr(handle, name, None) for name in OPENBLAS_SETTERS)
            self.set = next(filter(None, own), self.set)

    def get(self) -> int:
        return int(self._controller.num_threads)


def _find_libraries() -> list[_Library]:
    controller = ThreadpoolController().select(user_api="blas")
    return [_Library(library) for library in controller.lib_controllers]


class _BlasLimit:
    """Holds BLAS to one thread while at least one caller wants it.

    Most libraries have one number for the process: the first caller lowers it, and the
    last one out puts it back. The others have one for each thread, in which its own
    callers do so. Whoever else sets a number meanwhile is obeyed, and keeps it.
    """

    def __init__(
        self, find_libraries: Callable[[], list[_Library]] = _find_libraries
    ) -> None:
        self._find_libraries = find_libraries
        self._libraries: list[_Library] | None = None
        self.lock = threading.Lock()
        # The thread of each caller, and what was lowered: by library, and by thread
        # where that has a number of its own.
        self._callers: list[int] = []
        self._lowered: dict[tuple[_Library, int | None], int] = {}

    def __enter__(self) -> None:
        thread = threading.get_ident()
        with self.lock:
            libraries = self._found()
            self._callers.append(thread)
            for library in libraries:
                key = (library, thread if library.of_a_thread else None)
                number = library.get()
                if number > 1 and key not in self._lowered:
                    self._lowered[key] = number
                    library.set(1)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self._callers.remove(threading.get_ident())
            self._restore()

    def available(self) -> int:
        """Threads that BLAS may use: the user's, or a joblib worker's, share."""
        thread = threading.get_ident()

        def number(library: _Library) -> int:
            # What is lowered here is another fit's, beside which this one is as alone.
            found = library.get()
            key = (library, thread if library.of_a_thread else None)
            return self._lowered.get(key, found) if found == 1 else found

        with self.lock:
            return min(map(number, self._found()), default=1)

    def _found(self) -> list[_Library]:
        # Finding the loaded libraries takes milliseconds, so it is done once a process.
        if self._libraries is None:
            self._libraries = self._find_libraries()
        return self._libraries

    def _restore(self) -> None:
        """Put back what no caller needs lowered any more."""
        for library, thread in list(self._lowered):
            if thread in self._callers or (thread is None and self._callers):
                continue
            number = self._lowered.pop((library, thread))
            if library.get() == 1:
                library.set(number)

    def after_fork(self) -> None:
        """A child has, of its parent's threads, only the one that forked."""
        thread = threading.get_ident()
        self._callers = [c for c in self._callers if c == thread]
        self._lowered = {
            key: number
            for key, number in self._lowered.items()
            if key[1] in (None, thread)
        }
        self._restore()
        self.lock.release()


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    # With the lock: no other thread is setting anything in the moment of a fork.
    os.register_at_fork(
        before=_blas_limit.lock.acquire,
        after_in_parent=_blas_limit.lock.release,
        after_in_child=_blas_limit.after_fork,
    )


def _in_dask_task() -> bool:
    """Whether this is a thread of a Dask worker, whose others have tasks of their own."""
    get_worker = getattr(sys.modules.get("distributed"), "get_worker", None)
    try:
        return get_worker is not None and get_worker() is not None
    except ValueError:
        return False


def count_threads(n_jobs: int | None, work: float, itemsize: int = 8) -> int:
    """Threads for an evaluation of so many multiply-adds, at least 1.

    `n_jobs` is as joblib takes it: None is 1 unless in a ``joblib.parallel_config``,
    and negative numbers count from all cores; 0 is a ValueError. In a joblib worker
    there are never more than the share that joblib left to BLAS, and in a task of a
    Dask worker one.
    """
    if n_jobs == 0:
        raise ValueError("n_jobs=0 has no meaning; give None, a count, or -1 for all.")
    # Each thread must have enough to do to be worth handing work to.
    most = int(work // SERIAL_WORK[itemsize])
    if most < 2 or _in_dask_task():
        return 1
    # Not joblib's effective_n_jobs, which is about processes: these are threads.
    backend, configured = get_active_backend()
    n_jobs = (configured or 1) if n_jobs is None else n_jobs
    threads = n_jobs if n_jobs > 0 else int(cpu_count()) + 1 + n_jobs
    # Nested in a joblib worker: its main thread may use the share that joblib left to
    # BLAS, and a thread of joblib's has one.
    in_worker = (getattr(backend, "nesting_level", 0) or 0) > 0
    if in_worker and threading.current_thread() is not threading.main_thread():
        return 1
    if in_worker or n_jobs < 0:
        threads = min(threads, _blas_limit.available())
    return max(1, min(threads, most))


def fits_in_threads(work: float) -> bool:
    """Whether fits are faster in threads than in turn, by an evaluation's multiply-adds."""
    # Only Python 3.13 and later can be without.
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    return work > (FITS_WORK if has_lock else FREE_FITS_WORK)


def evaluation_work(X: Any, n_hidden: int) -> float:
    """Multiply-adds of the first layer's product, with the entries that are stored."""
    entries = X.nnz if issparse(X) else X.shape[0] * (X.shape[1] + 1.0)
    return float(entries * n_hidden)


def share(n_blocks: int, worker: int, n_workers: int) -> range:
    """Numbers of one worker's blocks: as many for each, in one run."""
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

    @classmethod
    def for_fits(cls, n_fits: int, work: float, n_jobs: int | None) -> Workers:
        """As many as fits on so much work an evaluation gain from, one each at most."""
        enough = n_fits * SERIAL_WORK[8] if fits_in_threads(work) else 0
        return cls(count_threads(n_jobs, enough))

    @contextmanager
    def started(self) -> Iterator[Workers]:
        """Threads running and BLAS on one thread, until the body ends or raises."""
        with _blas_limit:
            try:
                if self.n_threads > 1:
                    self._executor = ThreadPoolExecutor(
                        self.n_threads - 1, thread_name_prefix="sk_twolayer"
                    )
                yield self
            finally:
                if self._executor is not None:
                    self._executor.shutdown()
                    self._executor = None

    def run(
        self, function: Callable[[int], Result], n_parts: int | None = None
    ) -> list[Result]:
        """Results of function(0), ..., function(n_parts - 1), in this order."""
        n_parts = self.n_threads if n_parts is None else n_parts

        def part(i: int) -> Result:
            # Also in the caller's thread, whose BLAS another may have let go meanwhile.
            with _blas_limit:
                return function(i)

        if self._executor is None or n_parts == 1:
            return [part(i) for i in range(n_parts)]
        # In the caller's context, of which NumPy's errstate is part.
        others = [
            self._executor.submit(copy_context().run, part, i)
            for i in range(1, n_parts)
        ]
        own = {}
        try:
            own[0] = part(0)
            # Then what nobody has begun, the last first: the others go the other way.
            for i in range(n_parts - 1, 0, -1):
                if others[i - 1].cancel():
                    own[i] = part(i)
        finally:
            # After an exception the others still use the shared buffers.
            for other in others:
                other.cancel()
            wait(others)
        return [own[i] if i in own else others[i - 1].result() for i in range(n_parts)]
