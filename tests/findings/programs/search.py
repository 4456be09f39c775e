"""list-membership: what was seen is kept in a list; with the argument `set` in a set."""

import sys
import time

END = time.monotonic() + 1.5


def unlike(keys, seen, add):
    for key in keys:
        if key in seen:
            continue
        add(key)


while time.monotonic() < END:
    if "set" in sys.argv:
        seen = set()
        unlike(range(3000), seen, seen.add)
    else:
        seen = []
        unlike(range(3000), seen, seen.append)
