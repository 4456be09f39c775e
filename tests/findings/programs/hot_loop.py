"""hot-loop: numbers in a Python loop, one function."""

import time

END = time.monotonic() + 1.5


def escape(real, imaginary):
    z_real, z_imaginary, steps = 0.0, 0.0, 0
    while steps < 300:
        z_real, z_imaginary = z_real * z_real - z_imaginary * z_imaginary + real, 2.0 * z_real * z_imaginary + imaginary
        if z_real * z_real + z_imaginary * z_imaginary > 4.0:
            break
        steps += 1
    return steps


total = 0
while time.monotonic() < END:
    total += escape(-0.75, 0.1 + total % 7 / 100)
