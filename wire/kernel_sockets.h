/* What the program that counts bytes on sockets (bpf/sockets.bpf.c) keeps of a process. Host byte order. */
#ifndef KEISOKU_WIRE_KERNEL_SOCKETS_H
#define KEISOKU_WIRE_KERNEL_SOCKETS_H

#include <stdint.h>

enum { WIRE_SOCKET_PROCESSES = 8192 }; /* at a time; of others nothing is known */

/* Bytes since it was watched. */
struct wire_sockets {
    uint64_t sent, received;
};

#endif
