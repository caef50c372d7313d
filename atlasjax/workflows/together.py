"""Together: which process of a run this is, and what one does that is not the first."""

import dataclasses
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from atlasjax import progress
from atlasjax.errors import UserError
from atlasjax.runs import host as hosts
from atlasjax.runs import pipeline
from atlasjax.runs.again import changes
from atlasjax.runs.experiment import Experiment, as_json
from atlasjax.runs.host import ALONE, BegunAgainError, Host
from atlasjax.runs.job import Run
from atlasjax.runs.unit import Unit, kept, pending
from atlasjax.storage import artifacts, lock
from atlasjax.storage.lock import Member
from atlasjax.workflows import begin as begins

LATE = 2.0  # seconds after which it is said that the first process is not at work


class Place(NamedTuple):
    """Which process this is, from 0, and of how many."""

    process: int
    processes: int


def place_of(
    process: int | None, processes: int | None, environment: Mapping[str, str] = os.environ
) -> Place:
    """Return which process this is: as it was said, or as the cluster says.

    SLURM, Kubernetes (indexed jobs and job sets, as on GKE), TPU pods and Open MPI are known. JAX
    is not asked, as `jax.distributed` would tie the processes to one another: where one dies, it
    ends the others.

    Args:
        process: its number; as the cluster says by default.
        processes: how many there are; likewise.
        environment: the variables in which clusters say it.

    Raises:
        UserError: a number that cannot be.

    >>> place_of(None, None, {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"})
    Place(process=2, processes=4)
    >>> place_of(None, None, {}), place_of(1, 3, {})
    (Place(process=0, processes=1), Place(process=1, processes=3))
    """
    number, count = _of_cluster(environment)
    if processes is None and process is not None and count is None:
        raise UserError(f"process {process}: say --processes as well, how many there are")
    processes = count or 1 if processes is None else processes
    if processes < 1:
        raise UserError(f"processes {processes}: must be at least 1")
    if process is None and number is None and processes > 1:
        raise UserError(f"processes {processes}: say --process as well, which of them this is")
    if process is None:
        process = number or 0 if processes > 1 else 0
    if not 0 <= process < processes:
        raise UserError(f"process {process}: must be from 0 to {processes - 1}")
    return Place(process, processes)


def _of_cluster(environment: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the number of this process and how many there are, where a cluster says it."""
    for number, count in (
        ("SLURM_PROCID", "SLURM_NTASKS"),
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
        ("JOB_COMPLETION_INDEX", "PROCESSES_IN_JOB"),
        ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"),
        ("TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES"),
    ):
        if number in environment and count in environment:
            among = environment[count]
            many = len(among.split(",")) if count == "TPU_WORKER_HOSTNAMES" else _whole(among)
            return _whole(environment[number]), many
    return None, None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"{text!r}, of the cluster's environment, is no whole number") from None


def member_of(config: Experiment, process: int, processes: int, coordinator: str) -> Member:
    """Return this process as a member of its run, which others of other settings are not.

    Args:
        config: the experiment.
        process: its number.
        processes: how many there are.
        coordinator: whatever else tells the run from others.

    Raises:
        UserError: a number that cannot be.
    """
    place_of(process, processes, {})
    if processes == 1:
        return lock.ALONE
    said = as_json(dataclasses.replace(config, out=None))
    run = artifacts.fingerprint(experiment=said, processes=processes, coordinator=coordinator)
    return Member(run, process, processes)


def first(member: Member, say: Callable[[str], object]) -> Host:
    """Return process 0 of a run, which begins a session that others follow."""
    if member.processes == 1:
        return ALONE
    return Host(0, member.processes, uuid.uuid4().hex, say)


def follow(
    run: Run, class_names: Sequence[str], member: Member, say: Callable[[str], object]
) -> None:
    """Make the share of a process that is not the first, until the run is finished.

    Args:
        run: the run.
        class_names: one for each logit.
        member: which process this is.
        say: called with a line for people.

    Raises:
        UserError: the first process was started with other settings.
    """
    while True:
        session = _begun(run, class_names, say)
        if session is None:
            return
        host = Host(member.process, member.processes, session, say)
        own = dataclasses.replace(run, host=host)
        units = _same(own, class_names)
        try:
            pipeline.share(own, {unit.path: unit.made_from for unit in units})
            hosts.wait(host, run.folder, "the end", lambda: (0,))
        except BegunAgainError:
            continue


def _begun(run: Run, class_names: Sequence[str], say: Callable[[str], object]) -> str | None:
    """Wait until the first process has begun; return its session, None where all is there."""
    began, said = time.monotonic(), False
    with progress.spinner("waiting for process 0"):
        while True:
            session, finished = hosts.told(run.folder)
            if finished and not pending(run.folder, begins.planned(run, class_names)):
                return None
            at_work = lock.user_of(run.folder) is not None
            if at_work and session and not finished:
                return session
            if not said and not at_work and time.monotonic() - began > LATE:
                said = True
                say("process 0 is not at work: start it with the same command and --process 0")
            time.sleep(hosts.PAUSE)


def _same(run: Run, class_names: Sequence[str]) -> Sequence[Unit]:
    """Return the plan, which must be that of the first process."""
    own, first = begins.planned(run, class_names), kept(run.folder)
    known = {unit.path: unit for unit in first}
    unlike = [u for u in own if u.path not in known or known[u.path].made_from != u.made_from]
    if not unlike:
        return own
    mine, theirs = unlike[0], known.get(unlike[0].path)
    why = "" if theirs is None else "; ".join(changes(theirs.origin, mine.origin))
    raise UserError(
        f"process {run.host.process} would make {unlike[0].path} otherwise than process 0"
        f"{why and f', since {why}'}; "
        "start all with the same command, images and number of devices"
    )
