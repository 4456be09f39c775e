"""embed.py AGENT OUTPUT: the agent as C, for the program that hands it on."""

import sys
from pathlib import Path

data = Path(sys.argv[1]).read_bytes()
text = ",\n".join(", ".join(map(str, data[i : i + 24])) for i in range(0, len(data), 24))
Path(sys.argv[2]).write_text(
    '/* Made by agent/embed.py. */\n#include "capture/agent_bytes.h"\n\n'
    f"const unsigned char agent_bytes[] = {{\n{text}}};\n"
    f"const size_t agent_bytes_size = {len(data)};\n"
)
