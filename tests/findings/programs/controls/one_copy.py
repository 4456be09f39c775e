"""Copies a large plan once, because it will change one of the two.

expects: nothing
"""

import copy


def plan(days, shifts):
    return {
        day: [{"shift": shift, "people": [f"p{(day * shift) % 41}"] * 3} for shift in range(shifts)]
        for day in range(days)
    }


def swap(plan, day, other):
    plan[day], plan[other] = plan[other], plan[day]
    plan[day][0]["people"].append("relief")


def differing(left, right):
    return [day for day in left if left[day] != right[day]]


if __name__ == "__main__":
    first = plan(1_000, 80)
    second = copy.deepcopy(first)
    swap(second, 3, 400)
    print(differing(first, second), len(second))
