"""A game of dice, played with the same stakes a hundred thousand times: what a round gives is another thing each time.

expects: nothing
allows: hot-loop in throws, round_of, drawn: a compiled loop would throw faster
allows: call-overhead in throws, round_of, drawn: so would fewer calls
with: --arg-hash
"""


class Cup:
    def __init__(self, seed):
        self.state = seed


CUP = Cup(2024)


def drawn():
    """The next number of a generator that anybody can check: Park and Miller's."""
    CUP.state = CUP.state * 48271 % 2147483647
    return CUP.state


def throws(dice):
    return sorted(drawn() % 6 + 1 for _ in range(dice))


def round_of(stake, dice):
    """Three alike win twice the stake, a pair gives it back."""
    eyes = throws(dice)
    for face in eyes:
        if eyes.count(face) >= 3:
            return 2 * stake
    return stake if len(set(eyes)) < dice else -stake


def evening(rounds):
    purse = 0
    for _ in range(rounds):
        purse += round_of(5, 4)
    return purse


if __name__ == "__main__":
    print(evening(250000))
