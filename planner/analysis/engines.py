"""Where the points of a sweep are solved: processes here, or the workers of a Dask or a Ray cluster.

Joblib hands the work out; nothing here knows what is solved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from planner.errors import Complaint, InputError
from planner.problem.places import printable

POSSIBLE = "Possible: local, dask://HOST:PORT (its scheduler), ray://HOST:PORT (its head's client port)."

HANDS_FULL = 4
"""Points for each worker of a Ray cluster before their results are handed over."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of workers and where they are."""

    kind: str = "local"  # local, dask or ray
    address: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its workers may be on other machines, which have none of our files."""
        return self.kind != "local"

    def each(
        self, work: Callable[[Any, Item], Result], shared: Any, items: Sequence[Item], jobs: int
    ) -> Iterator[Result]:
        """work(shared, item) for every item, in the order in which they are done; `jobs` at a time (-1: all workers).

        Raises InputError where the cluster cannot be reached, or the library for it is not installed.
        """
        from joblib import Parallel, cpu_count, delayed

        with self._running(shared) as workers:
            most = cpu_count() if workers is None and jobs < 1 else workers if jobs < 1 else jobs
            at_once = min(most or 1, len(items))
            calls = (delayed(work)(shared, item) for item in items)
            if self.kind == "ray":  # its backend hands results over by whole lists only
                work_off = Parallel(n_jobs=at_once, batch_size=1)
                while some := list(islice(calls, HANDS_FULL * at_once)):
                    yield from work_off(some)
            else:
                yield from Parallel(
                    n_jobs=at_once, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs"
                )(calls)

    @contextmanager
    def _running(self, shared: Any) -> Iterator[int | None]:
        """Joblib's workers while this lasts, and how many a cluster has; Dask sends `shared` to each once."""
        from joblib import parallel_config

        if self.kind == "dask":
            with self._reached("distributed"):
                from distributed import Client

                client = Client(f"tcp://{self.address}", timeout=10, set_as_default=False)
                client.wait_for_workers(1, timeout=10)
            with client, parallel_config(backend="dask", client=client, scatter=[shared]):
                yield sum(client.nthreads().values())
        elif self.kind == "ray":
            with self._reached("ray"):
                import ray
                from ray.util.joblib import register_ray

                ray.init(f"ray://{self.address}", logging_level="error")
                register_ray()
            try:
                with parallel_config(backend="ray"):
                    yield int(ray.cluster_resources().get("CPU", 1))
            finally:
                ray.shutdown()
        else:
            with parallel_config(backend="loky"):
                yield None

    @contextmanager
    def _reached(self, library: str) -> Iterator[None]:
        place = f"--engine {self.kind}://{printable(self.address)}"
        try:
            yield
        except ImportError as error:
            if (error.name or "").split(".")[0] not in (library, "dask"):
                raise
            what = f"needs {library}.  Install it with: pip install 'fleet-planner[{self.kind}]'"
            raise InputError([Complaint(place, what)]) from None
        except (OSError, ConnectionError, TimeoutError, ValueError) as error:
            why = printable(str(error).split("\n")[0])[:200].rstrip(".")
            raise InputError([Complaint(place, f"cannot be reached: {why}.  Is it running?")]) from None


def engine_of(text: str) -> Engine:
    """An engine as it is written.  Raises InputError for anything else.

    >>> engine_of("local"), engine_of("dask://10.0.0.7:8786")
    (Engine(kind='local', address=''), Engine(kind='dask', address='10.0.0.7:8786'))
    """
    if text == "local":
        return Engine()
    kind, _, address = text.partition("://")
    host, _, port = address.rpartition(":")
    if kind not in ("dask", "ray") or not host or not port.isdigit():
        raise InputError([Complaint(f"--engine {printable(text)}", f"is no engine.  {POSSIBLE}")])
    return Engine(kind, address)
