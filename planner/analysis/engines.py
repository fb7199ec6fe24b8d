"""Where the points of a sweep are solved: processes here, or the workers of a Dask or a Ray cluster.

Joblib hands the work out; nothing here knows what is solved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from planner.errors import Complaint, InputError
from planner.problem.places import printable

POSSIBLE = "Possible: local, dask://HOST:PORT (its scheduler), ray://HOST:PORT (its head's client port)."


@dataclass(frozen=True, slots=True)
class Engine:
    """A kind of workers and where they are."""

    kind: str = "local"  # local, dask or ray
    address: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether its workers may be on other machines, which have none of our files."""
        return self.kind != "local"

    def workers(self, jobs: int, points: int) -> int:
        """How many points are solved at once; -1: as many as the cluster can."""
        if self.is_elsewhere:
            return -1 if jobs < 1 else jobs
        from joblib import cpu_count

        return min(points, cpu_count() if jobs < 1 else jobs)

    @contextmanager
    def running(self, shared: Sequence[Any]) -> Iterator[None]:
        """Joblib's workers while this lasts; what is `shared` is sent to each of them once, where the engine can.

        Raises InputError where the cluster cannot be reached, or the library for it is not installed.
        """
        from joblib import parallel_config

        if self.kind == "dask":
            with self._reached("distributed"):
                from distributed import Client

                client = Client(f"tcp://{self.address}", timeout=10, set_as_default=False)
            with client, parallel_config(backend="dask", client=client, scatter=list(shared)):
                yield
        elif self.kind == "ray":
            with self._reached("ray"):
                import ray
                from ray.util.joblib import register_ray

                ray.init(f"ray://{self.address}", logging_level="error")
                register_ray()
            try:
                with parallel_config(backend="ray"):
                    yield
            finally:
                ray.shutdown()
        else:
            with parallel_config(backend="loky"):
                yield

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
            why = printable(str(error).split("\n")[0])[:200]
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
