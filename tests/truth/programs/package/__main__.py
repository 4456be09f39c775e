"""Run as a module, as a zipapp or as a folder: `python -m package SECONDS`."""

import sys

from package.work import module_work

if __name__ == "__main__":
    module_work(float(sys.argv[1]) if len(sys.argv) > 1 else 0.6)
    sys.exit(7)
