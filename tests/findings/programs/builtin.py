"""already-native, though the interpreter's own file holds it: one long call of a built-in function."""

import re

print(re.match("(a+)+$", "a" * 25 + "b"))
