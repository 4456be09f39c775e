"""Digits of e by its continued fraction: small functions, each of which works on integers of many thousand digits.

expects: nothing
"""


def fold(state, term):
    return (term * state[0] + state[2], term * state[1] + state[3], state[0], state[1])


def terms(count):
    for place in range(2, count + 2):
        yield 2 * (place // 3) if place % 3 == 0 else 1


def whole(state, digits):
    return state[0] * 10**digits // state[1]


def convergent(count):
    state = (3, 1, 2, 1)
    for term in terms(count):
        state = fold(state, term)
    return state


if __name__ == "__main__":
    text = hex(whole(convergent(90_000), 60_000))
    print(len(text), text[:12], text[-12:])
