/*
 * Prints what the reader sees of a process, as text, for the truth tests:
 *
 *     reader_check PID               all threads once
 *     reader_check PID bench N TID   N readings of one thread as fast as possible
 *     reader_check lines             reads "FORMAT FIRST-LINE SIZE HEX-TABLE" lines, prints the line of every second
 *                                    offset and, where it is known, ":END-LINE:COLUMN:END-COLUMN"
 *
 * Lines: "python VERSION", then per thread "thread TID GIL NAME" and per frame, innermost first,
 * "frame LINE<TAB>FUNCTION<TAB>QUALNAME<TAB>FILE".
 */
#include "base/clock.h"
#include "base/mem.h"
#include "capture/cpython/python.h"
#include "capture/target/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void print_frame(struct python *python, const struct python_frame *frame)
{
    struct buf copy = {0}, line = {0};
    struct python_code code;
    if (python_code_copy(python, frame->code, &copy) || python_code_resolve(python, &copy, &code)) {
        printf("frame ? (code not readable)\n");
        buf_release(&copy);
        return;
    }
    buf_add_visible(&line, code.name, strlen(code.name));
    buf_add_byte(&line, '\t');
    buf_add_visible(&line, code.qualname, strlen(code.qualname));
    buf_add_byte(&line, '\t');
    buf_add_visible(&line, code.file, strlen(code.file));
    printf("frame %u\t%s\n", python_code_line(&code, frame->offset), buf_text(&line));
    python_code_release(&code);
    buf_release(&copy);
    buf_release(&line);
}

static int print_thread(struct python *python, const struct python_thread *thread, struct python_stack *stack)
{
    struct python_reader *reader = python_reader_new(python, thread);
    if (!reader)
        return 1;
    enum python_read_result result = python_read_stack(reader, stack);
    if (result == PYTHON_READ_OK) /* again, with what was predicted: must be the same */
        result = python_read_stack(reader, stack);
    char name[256];
    bool named = python_thread_name(python, thread, name, sizeof(name));
    printf("thread %d %s %s\n", (int)thread->tid,
           !stack->gil_known  ? "?"
           : stack->holds_gil ? "gil"
                              : "-",
           named ? name : "");
    if (result != PYTHON_READ_OK)
        printf("frame ? (%s)\n", result == PYTHON_READ_INVALID ? "invalid" : "unreadable");
    for (uint32_t i = 0; i < stack->depth; i++)
        print_frame(python, &stack->frames[i]);
    if (stack->truncated)
        printf("frame ? (truncated)\n");
    python_reader_free(reader);
    return 0;
}

static int bench(struct python *python, const struct python_thread *thread, struct python_stack *stack, long count)
{
    struct python_reader *reader = python_reader_new(python, thread);
    if (!reader)
        return 1;
    long results[3] = {0}, calls_max = 0, gil = 0, gc = 0, waits = 0, asked = 0, attached = 0, exceptions = 0;
    struct proc_thread files;
    bool opened = proc_thread_open(&files, python_remote(python)->pid, thread->tid);
    uint64_t depth = 0;
    for (int i = 0; i < 100; i++)
        python_read_stack(reader, stack);
    uint64_t calls = python_remote(python)->calls, start = clock_thread_cpu_ns();
    for (long i = 0; i < count; i++) {
        uint64_t before = python_remote(python)->calls;
        results[python_read_stack(reader, stack)]++;
        long used = (long)(python_remote(python)->calls - before);
        calls_max = used > calls_max ? used : calls_max;
        depth += stack->depth;
        gil += stack->holds_gil;
        gc += stack->gc_running;
        attached += stack->attached;
        exceptions += stack->exception;
    }
    double ns = (double)(clock_thread_cpu_ns() - start);
    printf("bench cpu-us %.2f calls %.3f max %ld depth %.1f ok %ld unreadable %ld invalid %ld\n",
           ns / 1e3 / (double)count, (double)(python_remote(python)->calls - calls) / (double)count, calls_max,
           (double)depth / (double)count, results[PYTHON_READ_OK], results[PYTHON_READ_UNREADABLE],
           results[PYTHON_READ_INVALID]);
    for (long i = 0; i < count / 50 && opened; i++) {
        struct proc_syscall call;
        usleep(50);
        if (!proc_thread_syscall(&files, &call))
            continue;
        asked++;
        waits += !call.running && call.number == SYS_futex && call.args[0] >= stack->gil_address &&
                 call.args[0] < stack->gil_address + stack->gil_size;
    }
    double n = (double)count;
    printf("share gil %.3f gc %.3f waits %.3f attached %.3f exception %.3f\n", (double)gil / n, (double)gc / n,
           asked ? (double)waits / (double)asked : 0, (double)attached / n, (double)exceptions / n);
    if (opened)
        proc_thread_close(&files);
    python_reader_free(reader);
    return 0;
}

/* Lines of tables given on standard input, so that a test can compare whole libraries with the interpreter's view. */
static int lines(void)
{
    char *text = NULL;
    size_t room = 0;
    while (getline(&text, &room, stdin) > 0) {
        unsigned first;
        int format, size, at;
        if (sscanf(text, "%d %u %d %n", &format, &first, &size, &at) != 3)
            return 2;
        uint8_t *table = mem_zalloc(strlen(text + at) / 2 + 1, 1);
        struct python_code code = {.first_line = first, .lines = table, .line_format = format};
        for (const char *hex = text + at; sscanf(hex, "%2hhx", &table[code.lines_size]) == 1; hex += 2)
            code.lines_size++;
        for (int offset = 0; offset < size; offset += 2) {
            struct python_position place;
            printf("%u", python_code_line(&code, offset));
            if (python_code_position(&code, offset, &place))
                printf(":%u:%u:%u", place.end_line, place.column, place.end_column);
            putchar(' ');
        }
        putchar('\n');
        mem_free(table);
    }
    free(text);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct python *python;
    struct python_thread *threads = NULL;
    size_t capacity = 0;
    bool maybe;
    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "lines") == 0)
        return lines();
    if (python_open(atoi(argv[1]), &python, &maybe, &err)) {
        fprintf(stderr, "reader_check: %s%s\n", err.text, maybe ? " (perhaps later)" : "");
        return 1;
    }
    struct python_stack stack = {.frames = mem_alloc(sizeof(struct python_frame) * PYTHON_DEPTH_MAX)};
    int count = stack.frames ? python_threads(python, &threads, &capacity) : ERR_NOMEM, rc = count <= 0;
    if (argc == 2)
        printf("python %s%s\n", python_info(python)->version, python_info(python)->unknown_version ? " (unknown)" : "");
    for (int i = 0; i < count; i++) {
        if (argc == 2)
            rc |= print_thread(python, &threads[i], &stack);
        else if (argc > 4 && threads[i].tid == atoi(argv[4]))
            rc |= bench(python, &threads[i], &stack, atol(argv[3]));
    }
    if (count < 0)
        fprintf(stderr, "reader_check: threads: %d\n", count);
    mem_free(threads);
    mem_free(stack.frames);
    python_close(python);
    return rc;
}
