"""Makes trees and walks them: each node is come to once, however deep.

expects: hot-loop in grow, leaves, depth_of: calls that do nearly nothing else; Cython, untyped, is 1.9 times faster
"""


def grow(depth):
    if depth == 0:
        return None, None
    return grow(depth - 1), grow(depth - 1)


def leaves(node):
    left, right = node
    if left is None:
        return 1
    return leaves(left) + leaves(right)


def depth_of(node):
    left, right = node
    if left is None:
        return 0
    return 1 + max(depth_of(left), depth_of(right))


if __name__ == "__main__":
    total = 0
    for depth in (14, 15, 16, 17, 16, 15, 16):
        tree = grow(depth)
        total += leaves(tree) + depth_of(tree)
    print(total)
