"""How a run's other threads hear of it and make its calls, and how the first one hears of their end: in machine code.

A worker that has done its part looks for the next run for a while, and begins it without coming back to Python: taking
Python's lock, waking up and setting up a run would take as long as a small network's first layer.
"""

from __future__ import annotations

from .atomic import PATIENCE, change, give_way, look, put
from .calls import number_at, run_calls
from .jit import kernel

SIGNS = 16
"""Numbers about each worker, in lines of the cache that are its own."""

STATE, TABLE, END, CLEARED, WANTED, FAILED = range(6)
"""What a worker does; the calls that it is to make (as for `run_calls`, from 0); the one that raised an error."""

AWAY, RESTS, RUNS, CALLED = range(4)
"""States: the worker is in Python, or asleep; it looks for a run; it has one; it is to go on in Python."""


@kernel
def rest(signs, worker, looks):
    """A worker's rest: it makes the calls of any run that it is given meanwhile.

    Returns 0 if there was none for as long as it looks, or if it is called to Python; 1 if a call raised an error.

    Args:
        signs: int64[any]: of all workers
        worker: int: which one it is
        looks: int: how often it looks
    """
    at = worker * SIGNS
    if not change(signs, at + STATE, AWAY, RESTS):
        return 0
    looked = 0
    while True:
        state = look(signs, at + STATE)
        if state == CALLED:
            return 0
        if state == RUNS:
            failed = run_calls(signs[at + TABLE], 0, signs[at + END], signs[at + CLEARED], signs[at + WANTED])
            if failed >= 0:
                signs[at + FAILED] = failed
                return 1
            put(signs, at + STATE, RESTS)
            looked = 0
            continue
        looked += 1
        if looked >= looks and change(signs, at + STATE, RESTS, AWAY):
            return 0
        if looked > PATIENCE:
            give_way()


@kernel
def hand_out(signs, tables, workers, end, cleared, wanted):
    """Give a run to the workers; returns how many have to be woken: they are called to Python.

    Args:
        signs: int64[any]: of all workers
        tables: int: where the tables' addresses lie, of each thread: the first one is the caller's
        workers: int: how many
        end: int: how many calls there are; 0: all workers are to run in Python
        cleared, wanted: int: see `run_calls`
    """
    called, given = 0, RUNS if end > 0 else CALLED
    for worker in range(workers):
        at = worker * SIGNS
        if end > 0:
            signs[at + TABLE] = number_at(tables + 8 * (worker + 1))
        signs[at + END] = end
        signs[at + CLEARED] = cleared
        signs[at + WANTED] = wanted
        while True:
            if change(signs, at + STATE, RESTS, given):
                called += end == 0
                break
            if change(signs, at + STATE, AWAY, CALLED):
                called += 1
                break
    return called


@kernel
def await_rest(signs, workers, looks):
    """Wait until the workers rest, or for so many looks; returns how many of them still make calls.

    Args:
        signs: int64[any]: of all workers
        workers: int: how many
        looks: int
    """
    looked = 0
    while True:
        busy = others = 0
        for worker in range(workers):
            state = look(signs, worker * SIGNS + STATE)
            busy += state == RUNS
            others += state != RESTS
        looked += 1
        if others == 0 or looked > looks:
            return busy
        if looked > PATIENCE:
            give_way()
