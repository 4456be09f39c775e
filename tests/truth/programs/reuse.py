"""Code that is compiled, run and thrown away: new code objects take the addresses of the old ones.

Round N's functions are outer_N and inner_N of the file <round N>, starting at line N % 50 + 1. A name, a file or a line of
another round on one stack is a code object that was taken for another.
"""

import json
import sys
import time

CHAINS = {".*": r"<module>( main( lib)?)?"}  # what <round N> may show is checked by tests/truth/oracle.py

BODY = """
def inner_{n}():
    total = 0
    for i in range(3000):
        total += i
    return total

def outer_{n}():
    return inner_{n}() + inner_{n}()

outer_{n}()
"""


def main(seconds):
    end = time.perf_counter() + seconds
    n = 0
    while time.perf_counter() < end:
        code = compile("\n" * (n % 50) + BODY.format(n=n), "<round %d>" % n, "exec")
        exec(code, {})  # -> library
        del code
        n += 1
    return n


done = main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)  # -> main
print(json.dumps({"rounds": done}))
