"""Deciphers a day's radio messages as a machine with three rotors does: they turn with each letter, and how depends on where they are.

expects: hot-loop in encipher: letter by letter, through rotors that have turned since the letter before (Cython, untyped: 1.6 times)
"""

import collections
import random

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROTORS = {
    "I": ("EKMFLGDQVZNTOWYHXUSPAIBRCJ", "Q"),
    "II": ("AJDKSIRUXBLHWTMCQGZNPYFVOE", "E"),
    "III": ("BDFHJLCPRTXVZNYEIWGAKMUSQO", "V"),
    "IV": ("ESOVPZJAYQUIRHXLNFTGKDCMWB", "J"),
    "V": ("VZBRGITYUPSDNHLXAWMJQOFECK", "Z"),
}
REFLECTOR = "YRUHQSLDPXNGOKMIEBFZCWVJAT"


def numbers(letters):
    return [LETTERS.index(letter) for letter in letters]


class Machine:
    def __init__(self, rotors, rings, plugs):
        self.there = [numbers(ROTORS[name][0]) for name in rotors]
        self.back = [[way.index(number) for number in range(26)] for way in self.there]
        self.notches = [LETTERS.index(ROTORS[name][1]) for name in rotors]
        self.rings = numbers(rings)
        self.reflector = numbers(REFLECTOR)
        self.plugs = list(range(26))
        for one, other in map(numbers, plugs.split()):
            self.plugs[one], self.plugs[other] = other, one

    def encipher(self, text, start):
        """A text, with the rotors at these three letters when it begins; the same turns it back."""
        left, middle, right = numbers(start)
        (_, middle_notch, right_notch), (left_ring, middle_ring, right_ring) = self.notches, self.rings
        (left_there, middle_there, right_there), (left_back, middle_back, right_back) = self.there, self.back
        plugs, reflector, made = self.plugs, self.reflector, []
        for letter in text:
            if middle == middle_notch:
                left = (left + 1) % 26
                middle = (middle + 1) % 26
            elif right == right_notch:
                middle = (middle + 1) % 26
            right = (right + 1) % 26
            by_right, by_middle, by_left = right - right_ring, middle - middle_ring, left - left_ring
            wire = plugs[ord(letter) - 65]
            wire = (right_there[(wire + by_right) % 26] - by_right) % 26
            wire = (middle_there[(wire + by_middle) % 26] - by_middle) % 26
            wire = (left_there[(wire + by_left) % 26] - by_left) % 26
            wire = reflector[wire]
            wire = (left_back[(wire + by_left) % 26] - by_left) % 26
            wire = (middle_back[(wire + by_middle) % 26] - by_middle) % 26
            wire = (right_back[(wire + by_right) % 26] - by_right) % 26
            made.append(LETTERS[plugs[wire]])
        return "".join(made), LETTERS[left] + LETTERS[middle] + LETTERS[right]


def message(length):
    made = random.Random(39)
    words = ["WETTER", "BISKAYA", "NICHTS", "NEUES", "SEITE", "ANTON", "KOMMT", "MORGEN", "X"]
    text = []
    while len(text) < length:
        text += made.choice(words)
    return "".join(text[:length])


def day(machine, text, pieces):
    """Each message begins where the rotors stood at the end of the one before."""
    start, sent, size = "ADU", [], len(text) // pieces
    for piece in range(pieces):
        begun = start
        said, start = machine.encipher(text[piece * size : (piece + 1) * size], begun)
        sent.append((begun, said))
    return sent


if __name__ == "__main__":
    machine = Machine(["II", "IV", "V"], "BUL", "AV BS CG DL FU HZ IN KM OW RX")
    text = message(1_200_000)
    sent = day(machine, text, 100)
    read = "".join(machine.encipher(said, start)[0] for start, said in sent[:40])
    print(text.startswith(read), sent[1][1][:30], collections.Counter(sent[-1][1]).most_common(2))
