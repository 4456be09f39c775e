/* The agent (agent/), which is made first: a shared object, as bytes. */
#ifndef KEISOKU_CAPTURE_AGENT_BYTES_H
#define KEISOKU_CAPTURE_AGENT_BYTES_H

#include <stddef.h>

extern const unsigned char agent_bytes[];
extern const size_t agent_bytes_size;

#endif
