"""One use of a package each, whose next version says that it is faster: `python packages.py NAME`, the version being
that on PYTHONPATH. The seconds of CPU time that the work itself took go to standard error."""

import sys
import time


def cachetools():
    """Keys that come again, some more often, through a cache that drops the least used (1 000 places)."""
    from cachetools import LFUCache  # type: ignore[import-untyped]

    cache, hits, key = LFUCache(1000), 0, 1
    for _ in range(150_000):
        key = (key * 48271) % 2147483647
        name = key % 3000 if key % 4 else key % 50
        if name in cache:
            hits += cache[name] == name
        else:
            cache[name] = name
    print(0 < hits < 150_000, len(cache))


def packaging():
    """Versions sorted, and chosen by a requirement."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    names = [f"{a}.{b}.{c}{d}" for a in range(12) for b in range(12) for c in range(12) for d in ("", "rc1", ".post1")]
    kept = 0
    for _ in range(25):
        versions = sorted(Version(name) for name in reversed(names))
        kept += len(list(SpecifierSet(">=2.1,!=3.4.*,<9.0").filter(versions)))
    print(len(versions), kept, versions[0], versions[-1])


def tomlkit():
    """A lock file of 1200 packages read."""
    from tomlkit import parse

    row = '[[package]]\nname = "name-{0}"\nversion = "1.{0}.0"\noptional = false\nfiles = [\n' + "".join(
        f'    {{file = "name-{{0}}-{n}.whl", hash = "sha256:{n:064x}"}},\n' for n in range(6)
    )
    text = "# made by hand\n\n" + "\n".join((row + "]\n").replace("{0}", str(n)) for n in range(1200))
    text = text.replace("{{", "{").replace("}}", "}")
    document = parse(text)
    print(len(document["package"]), document["package"][1199]["version"])


if __name__ == "__main__":
    __import__(sys.argv[1])
    begun = time.process_time()
    globals()[sys.argv[1]]()
    print(time.process_time() - begun, file=sys.stderr)
