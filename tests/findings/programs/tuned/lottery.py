"""Simulates seasons of a league and counts who wins how often: each season on its own.

runs: once
finds: one-core in seasons
"""

import concurrent.futures
import random
import sys

FIXED = sys.argv[1:] == ["fixed"]
TEAMS = 16


def strengths(made):
    return [made.gauss(50, 9) for _ in range(TEAMS)]


def goals(made, strength):
    tries = 3 + int(strength) // 20
    return sum(made.random() < 0.3 for _ in range(tries))


def match(made, home, away):
    return goals(made, home + 4), goals(made, away)


def points(scored, conceded):
    return 3 if scored > conceded else 1 if scored == conceded else 0


def season(seed):
    made = random.Random(seed)
    level, table = strengths(made), [0] * TEAMS
    for home in range(TEAMS):
        for away in range(TEAMS):
            if home == away:
                continue
            first, second = match(made, level[home], level[away])
            table[home] += points(first, second)
            table[away] += points(second, first)
    return table.index(max(table))


def seasons(count):
    wins = [0] * TEAMS
    if FIXED:
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            for winner in pool.map(season, range(count), chunksize=100):
                wins[winner] += 1
        return wins
    for seed in range(count):
        wins[season(seed)] += 1
    return wins


if __name__ == "__main__":
    print(seasons(6_000))
