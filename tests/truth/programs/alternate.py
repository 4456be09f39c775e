"""Two call chains, taken in turn as fast as the interpreter can: every frame of one side uses the addresses of the other.

The worst case for a reader of a running thread. The second pair shares its middle function, so that every
caller-callee pair of a mixed stack is possible and only the whole stack gives it away.

A comment `# -> name` says what its line may call; CHAINS says which whole stacks exist.
"""

import json
import sys
import time

CHAINS = {
    ".*": r"<module>( main( hot_a( mid_a( leaf_a)?)?| hot_b( mid_b( leaf_b)?)?"
    r"| left( middle( leaf_l)?)?| right( middle( leaf_r)?)?)?)?"
}


def leaf_a():
    return 1


def leaf_b():
    return 2


def mid_a():
    return leaf_a()  # -> leaf_a


def mid_b():
    return leaf_b()  # -> leaf_b


def hot_a():
    return mid_a()  # -> mid_a


def hot_b():
    return mid_b()  # -> mid_b


def leaf_l():
    return 1


def leaf_r():
    return 2


def middle(leaf):
    return leaf()  # -> leaf_l, leaf_r


def left():
    return middle(leaf_l)  # -> middle


def right():
    return middle(leaf_r)  # -> middle


def main(seconds):
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end:
        for _ in range(2000):
            hot_a()  # -> hot_a
            hot_b()  # -> hot_b
            left()  # -> left
            right()  # -> right
        rounds += 1
    return rounds


done = main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)  # -> main
print(json.dumps({"rounds": done}))
