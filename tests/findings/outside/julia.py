"""The Julia set of z² + c over a square of the plane: for each point, how many steps until |z| exceeds 2.

Written from the description in High Performance Python; the argument says how: `lists` (all coordinates in lists first,
then one loop over them), `points` (each point in a function of its own), `numpy` (all points in one step), `numba` (the
loop compiled). The seconds of CPU time that the work itself took go to standard error.
"""

import sys
import time

SIDE, MOST, C = 600, 300, complex(-0.62772, -0.42193)
LOW, HIGH = -1.8, 1.8


def axis():
    return [LOW + (HIGH - LOW) * i / SIDE for i in range(SIDE)]


def count_all(zs, most, c):
    counts = [0] * len(zs)
    for i in range(len(zs)):
        z, n = zs[i], 0
        while n < most and z.real * z.real + z.imag * z.imag < 4:
            z = z * z + c
            n += 1
        counts[i] = n
    return counts


def escape(z):
    n = 0
    while n < MOST and z.real * z.real + z.imag * z.imag < 4:
        z = z * z + C
        n += 1
    return n


def count_arrays(zs):
    import numpy as np

    z = np.array(zs)
    counts = np.zeros(len(zs), dtype=int)
    here = np.arange(len(zs))
    for _ in range(MOST):
        keep = z.real * z.real + z.imag * z.imag < 4
        z, here = z[keep], here[keep]
        counts[here] += 1
        z = z * z + C
    return counts


def main(how):
    zs = [complex(x, y) for y in axis() for x in axis()]
    count = count_all
    if how == "numpy":
        count_arrays(zs[:1])
    elif how == "numba":
        import numba

        count = numba.njit(count_all)
        zs = numba.typed.List(zs)
        count(zs[:1], MOST, C)
    start = time.process_time()
    if how == "points":
        counts = [escape(z) for z in zs]
    elif how == "numpy":
        counts = count_arrays(zs)
    else:
        counts = count(zs, MOST, C)
    print(time.process_time() - start, file=sys.stderr)
    print(sum(int(n) for n in counts))


if __name__ == "__main__":
    main(sys.argv[1])
