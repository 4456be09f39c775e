/* See frames.h. */
#include "frames.h"

#include "functions.h"
#include "segment.h"

enum {
    INTERPRETER_BYTES = 2048, /* of 3.8's, in which the function stands */
    NESTED_MAX = 4000         /* frames within each other, of some kB each */
};

typedef struct object *eval_function(void *thread, char *frame, int raising);
typedef struct object *eval_function_alone(char *frame, int raising);

static void *next_eval;   /* what stood there before us */
static char *interpreter; /* the main one */
static __thread int nested;

static struct object *run_frame(void *thread, char *frame, int raising);

/* A generator's frame is run each time it goes on: does it begin now? Before 3.11 it stands before its first
 * instruction then, in 3.11 behind the one that made the generator. */
static bool begins(const char *frame, const struct wire_call_row *row)
{
    uint32_t index;
    if ((row->traits & TRAIT_PIECEWISE) == 0)
        return true;
    if (layout.first_opcode != 0)
        return *(const uint8_t *)pointer_at(frame + layout.frame_ip) == layout.first_opcode;
    memcpy(&index, frame + layout.frame_ip, sizeof index);
    return index == UINT32_MAX;
}

/* [hook] Calls of Python by Python take no stack of C in 3.11, unless somebody stands where we do: deep down we step
 * aside until this one is over. */
static struct object *run_uncounted(void *thread, char *frame, int raising)
{
    segment->rows[0].calls++;
    python.set_eval(interpreter, next_eval);
    struct object *result = ((eval_function *)next_eval)(thread, frame, raising);
    python.set_eval(interpreter, (void *)run_frame);
    return result;
}

static struct object *run_next(void *thread, char *frame, int raising)
{
    if (python.set_eval == NULL)
        return ((eval_function_alone *)next_eval)(frame, raising);
    bool aside = ++nested > NESTED_MAX && layout.first_opcode != 0;
    struct object *result =
        aside ? run_uncounted(thread, frame, raising) : ((eval_function *)next_eval)(thread, frame, raising);
    nested--;
    return result;
}

/* [hook] */
static struct object *run_frame(void *thread, char *frame, int raising)
{
    struct wire_call_row *row = NULL;
    uint64_t hash;
    bool hashed = false;
    if (raising == 0 && segment->over == 0) {
        row = row_of(pointer_at(frame + layout.frame_code));
        if (begins(frame, row)) {
            count_call(row);
            hashed = (row->traits & TRAIT_HASHED) != 0 && hash_arguments(frame, row, &hash);
        }
    }
    struct object *result = run_next(thread, frame, raising);
    if (hashed && result != NULL)
        came_back(row, hash, result);
    return result;
}

static struct object *run_frame_alone(char *frame, int raising)
{
    return run_frame(NULL, frame, raising);
}

/* Where the interpreter has the function that runs a frame, by its value: 3.8 has no other way. */
static void replace_eval(void *ours)
{
    for (size_t at = 0; at < INTERPRETER_BYTES; at += sizeof(void *)) {
        if ((void *)pointer_at(interpreter + at) == next_eval) {
            memcpy(interpreter + at, &ours, sizeof ours);
            return;
        }
    }
}

void frames_begin(void)
{
    interpreter = python.interpreter();
    next_eval = (void *)python.eval;
    if (next_eval == NULL || interpreter == NULL || layout.frame_code == WIRE_AGENT_NONE)
        return;
    if (python.set_eval == NULL || python.get_eval == NULL) {
        replace_eval((void *)run_frame_alone);
        return;
    }
    next_eval = python.get_eval(interpreter);
    python.set_eval(interpreter, (void *)run_frame);
}
