"""What a listing can restore, and what seg-plan -x must leave of it: by the words
of the manual, not by seg-plan's code.  A listing is a set of keys (START, END,
TIME); a state is the END that it has."""

import datetime

HOUR, DAY = 3600 * 1000, 24 * 3600 * 1000
AGES = {"s": 1000, "m": 60 * 1000, "h": HOUR, "d": DAY, "w": 7 * DAY}


def reachable(listing, start=0):
    """The ENDs to which a chain leads from an END on: from frame 1 on."""
    ends = {start}
    for k in sorted(listing, key=lambda k: (k.end, k.start)):
        if k.start - 1 in ends:
            ends.add(k.end)
    return ends - {start}


def linked(listing, ends):
    """Does a chain lead from each of them to the next?  Not past a segment that
    begins anew from frame 1 on."""
    ends = sorted(ends)
    return all(b in reachable(listing, a) for a, b in zip(ends, ends[1:]))


def state_at(listing, time):
    """The greatest END whose TIME is not after it; None if there is none."""
    return max((k.end for k in listing if k.time <= time), default=None)


def month_of(time):
    d = datetime.datetime.fromtimestamp(time / 1000, datetime.timezone.utc)
    return d.year, d.month


UNITS = {
    "h": lambda t: t // HOUR,
    "d": lambda t: t // DAY,
    "w": lambda t: (t // DAY + 3) // 7,  # 1970 began with a Thursday
    "m": month_of,
    "y": lambda t: month_of(t)[0],
}


def age_of(text):
    return int(text[:-1]) * AGES[text[-1]]


def promised(listing, now, age, keep=""):
    """The ENDs that seg-plan -x -o AGE --keep KEEP promises at that moment."""
    since = now - age_of(age)
    good = reachable(listing)
    states = [k for k in listing if k.end in good]
    ends = {max(k.end for k in listing), state_at(listing, since)}
    ends |= {k.end for k in states if k.time >= since}
    for part in keep.split(",") if keep else ():
        newest = {}
        for k in states:
            unit = UNITS[part[-1]](k.time)
            newest[unit] = max(k.end, newest.get(unit, 0))
        ends |= {newest[unit] for unit in sorted(newest)[-int(part[:-1]):]}
    return ends & good


def superfluous(listing, ends):
    """The keys without which all of these can be restored still."""
    return [k for k in listing if ends <= reachable(set(listing) - {k})]
