"""Gives every tenant a configuration of its own, on top of the common one.

finds: deep-copy in for_tenant
fixed: hot-loop in all_tenants: which wishes a tenant has is asked bit by bit (Cython, untyped: 1.2 times)
"""

import sys
from copy import deepcopy

FIXED = sys.argv[1:] == ["fixed"]

COMMON = {
    "limits": {"requests": 100, "uploads": 10, "per_day": [1, 5, 25]},
    "features": {name: False for name in ("search", "export", "audit", "sso", "api")},
    "mail": {"from": "noreply@example.org", "templates": {n: f"Dear {n}" for n in ("welcome", "bill", "bye")}},
    "roles": [{"name": name, "may": list(range(6))} for name in ("owner", "editor", "reader")],
}


def for_tenant(number, wishes):
    if FIXED:
        config = dict(COMMON)
        config["features"] = {**COMMON["features"], **{name: True for name in wishes}}
    else:
        config = deepcopy(COMMON)
        for name in wishes:
            config["features"][name] = True
    config["tenant"] = number
    return config


def summary(config):
    return config["tenant"] * 31 + sum(config["features"].values()) + config["limits"]["requests"]


def all_tenants(count):
    total = 0
    for number in range(count):
        wishes = [name for at, name in enumerate(COMMON["features"]) if number >> at & 1]
        total += summary(for_tenant(number, wishes))
    return total


if __name__ == "__main__":
    print(all_tenants(60_000))
