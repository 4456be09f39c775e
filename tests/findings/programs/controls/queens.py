"""Places queens on a board: recursion that tries ways out, each of them once.

expects: hot-loop in place: boards are tried one by one; native code keeps a set of columns as bits
allows: one-core in place: what follows one column does not depend on the columns before it
"""


def place(size, row, columns, up, down):
    if row == size:
        return 1
    found = 0
    for column in range(size):
        if column in columns or row + column in up or row - column in down:
            continue
        found += place(size, row + 1, columns | {column}, up | {row + column}, down | {row - column})
    return found


def boards(sizes):
    return {size: place(size, 0, frozenset(), frozenset(), frozenset()) for size in sizes}


if __name__ == "__main__":
    print(boards(range(4, 10)), boards((11,)))
