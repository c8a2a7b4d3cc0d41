"""Crashes of the machine: see power.py for the states that they leave."""

import os

import power
from place import Place


def run_traced(case, place):
    """Its result, with what it printed."""
    printed = f"{place.root}/printed"
    with open(printed, "wb") as out:
        r = case.run(place, FS_TRACE=f"{place.root}/trace", out=out)
    with open(printed, "rb") as f:
        told = f.read()
    return r._replace(out=told)


def take_trace(place, start):
    trace = f"{place.root}/trace"
    ops = power.read_trace(trace, place.dir, start[0])
    os.unlink(trace)
    return ops


class Power:
    place = Place
    MOST = 1500  # states of one run

    @staticmethod
    def points(case, place):
        case.set_up(place)
        start = power.look(place.dir)
        told = run_traced(case, place).out
        case.after = place.tree()
        ops = take_trace(place, start)
        states = list(power.states(ops, start, len(told)))
        step = -(-len(states) // Power.MOST)
        for i, state in enumerate(states[::step]):
            yield f"crash {i * step}", (state, told[:state.said], case.after)

    @staticmethod
    def try_one(case, place, _, state, told, after):
        case.after = after
        place.clear(state.tree)
        case.settle(place.dir, state.stamps)
        told = case.told(told)
        bad = case.half(state.tree, told) + case.stands(state.tree, told)
        if state.last:
            bad += case.is_complete(state.tree)
        return bad + case.next(place)


class Twice:
    place = Place

    @staticmethod
    def points(case, place):
        case.set_up(place)
        start = power.look(place.dir)
        run_traced(case, place)
        for n in range(1, len(take_trace(place, start)) + 1):
            yield f"killed after {n}, run, crash", ({"FS_KILL": f"{n}+"},)

    @staticmethod
    def try_one(case, place, _, env):
        case.set_up(place)
        start = power.look(place.dir)
        case.run(place, FS_TRACE=f"{place.root}/trace", **env)
        r = run_traced(case, place)
        case.after = place.tree()
        ops = take_trace(place, start)
        if r.status != 0:
            return []
        return [b for state in power.states(ops, start, len(r.out), len(ops))
                for b in case.half(state.tree, case.told(r.out))
                + case.is_complete(state.tree)]
