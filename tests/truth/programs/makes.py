"""Makes functions for ever: chains of fifty new ones, each chain with a name of its own, on the stack for a while.

    makes.py CHAINS SECONDS

Each chain has a file of its own, too: <chain N>. What is made of it is thrown away, so that its memory is used again.
"""

import sys
import time

DEEP = 50


def chain(number, busy_s):
    """The outermost function of a new chain: link_N_0 calls link_N_1, and so on; the last one works."""
    lines = ["def link_%d_%d(): return link_%d_%d()" % (number, i, number, i + 1) for i in range(DEEP - 1)]
    lines.append("def link_%d_%d():\n end = clock() + busy\n while clock() < end: pass" % (number, DEEP - 1))
    clock = getattr(time, "process_time", None) or time.clock  # where cores are short, it still works for as long
    names = {"clock": clock, "busy": busy_s}
    exec(compile("\n".join(lines), "<chain %d>" % number, "exec"), names)
    return names["link_%d_0" % number]


def main():
    for number in range(int(sys.argv[1])):
        chain(number, float(sys.argv[2]))()


if __name__ == "__main__":
    main()
