/*
 * Greenlets of a live CPython, 3.8 to 3.14: those that do not run, each with the stack that it was left in.
 *
 * Nothing leads from a thread to its greenlets, but the collector tracks them: its lists are gone through once. A
 * greenlet belongs to the thread on whose C stack it was left. Where its frame lies depends on greenlet's version,
 * which has a row (greenlet.c); what is read by a row has to fit together. Off the timed path.
 */
#ifndef KEISOKU_CAPTURE_GREENLET_H
#define KEISOKU_CAPTURE_GREENLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct python;
struct python_reader;
struct python_stack;

/* The file of the module, mapped where greenlets can be. */
bool python_is_greenlet_module(const char *path);

/* Addresses of all greenlets into `*found` (grown with mem_grow), at most GREENLETS_MAX, of the interpreter of the
 * thread. Reads the lists of tracked objects, the youngest first, some fifty nanoseconds each. Their number, or
 * ERR_NOMEM. */
enum { GREENLETS_MAX = 4096 };
int python_greenlets(struct python_reader *reader, uint32_t objects_max, uint64_t **found, size_t *capacity);

/* Reads one that does not run, between python_tasks_begin and _end: its frames, innermost first, and where on a C stack
 * it was left. False: it runs, has not begun or is over, or it changed meanwhile. */
bool python_read_greenlet(struct python_reader *reader, uint64_t address, uint64_t *left_at,
                          struct python_stack *stack);

/* Where on a C stack it was left, without its frames; 0 as above. One reading of its own. */
uint64_t python_greenlet_left_at(struct python_reader *reader, uint64_t address);

#endif
