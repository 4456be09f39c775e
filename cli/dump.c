/* keisoku dump: all stacks of a process, once. Names come from the target and are escaped. */
#include "held.h"
#include "message.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_COLUMN = 11, DETAIL_COLUMN = 16, CALLERS_SHOWN = 6 };

/* ---- text ----------------------------------------------------------------------------------------------------------
 */

/* Prints escaped, padded to `width`; the number of bytes printed. */
static int put(const char *text, int width)
{
    char visible[4096];
    kei_visible_text(text, visible, sizeof visible);
    return printf("%-*s", width, visible);
}

/* "asyncio/selectors.py" of the whole path: the last two parts. */
static const char *short_file(const char *file)
{
    const char *last = strrchr(file, '/');
    if (last == NULL || last == file)
        return file;
    const char *at = last;
    while (at > file && at[-1] != '/')
        at--;
    return at;
}

static void put_place(const struct kei_dump_frame *frame)
{
    put(short_file(frame->file), 0);
    if (frame->line != 0)
        printf(":%u", frame->line);
}

/* One line: the innermost frame with its place, its callers by name, the outermost's place. */
static void put_stack(const struct kei_dump_frame *frames, size_t n_frames, bool proved)
{
    if (n_frames == 0) {
        printf("no Python frame");
        return;
    }
    put(frames[0].function, 16);
    printf("  ");
    put_place(&frames[0]);
    for (size_t i = 1; i < n_frames; i++) {
        if (i == CALLERS_SHOWN && n_frames > CALLERS_SHOWN + 1) {
            printf("  ← … %zu more", n_frames - 1 - i);
            i = n_frames - 1;
        }
        printf(i == 1 ? "  ← " : " ← ");
        put(frames[i].function, 0);
    }
    if (n_frames > 1) {
        printf("  ");
        put_place(&frames[n_frames - 1]);
    }
    if (!proved)
        printf("  (not exact: it ran meanwhile or is damaged)");
}

static const char *kind_of(const struct kei_dump_task *task)
{
    return task->greenlet ? "greenlet" : "task";
}

static int name_width(const struct kei_dump *dump)
{
    size_t width = 10;
    for (size_t i = 0; i < dump->n_threads; i++) {
        size_t length = kei_visible_text(dump->threads[i].name, NULL, 0);
        width = length > width ? length : width;
        for (size_t j = 0; j < dump->threads[i].n_tasks; j++) {
            length = kei_visible_text(dump->threads[i].tasks[j].name, NULL, 0) +
                     strlen(kind_of(&dump->threads[i].tasks[j])) + 1;
            width = length > width ? length : width;
        }
    }
    return width < 32 ? (int)width : 32;
}

/* What a thread waits in; for the GIL, who has it. */
static void put_detail(const struct kei_dump *dump, const struct kei_dump_thread *thread)
{
    const struct kei_dump_thread *holder = NULL;
    for (size_t i = 0; i < dump->n_threads; i++)
        if (dump->threads[i].holds_gil)
            holder = &dump->threads[i];
    char text[64];
    if (strcmp(thread->state, "gil-wait") == 0 && holder != NULL && holder->name[0] != '\0')
        snprintf(text, sizeof text, "for %.40s", holder->name);
    else
        snprintf(text, sizeof text, "%s", thread->detail);
    put(text, DETAIL_COLUMN);
}

/* With native frames: each on a line, or the reason why there are none. */
static void put_frames(const struct kei_dump_thread *thread)
{
    if (thread->native_why[0] != '\0' || thread->native[0] == '\0') {
        put_stack(thread->frames, thread->n_frames, thread->proved);
        printf("\n");
        if (thread->native_why[0] != '\0')
            printf("    no native frames: %s\n", thread->native_why);
        return;
    }
    printf("%zu frames\n", thread->n_frames);
    for (size_t i = 0; i < thread->n_frames; i++) {
        const struct kei_dump_frame *frame = &thread->frames[i];
        printf("    ");
        put(frame->function, frame->file[0] != '\0' ? 24 : 0);
        printf(frame->file[0] != '\0' ? "  " : "");
        put_place(frame);
        printf("\n");
    }
}

/* The tasks of a thread's event loop and its greenlets, a line each. */
static void put_tasks(const struct kei_dump_thread *thread, int width, bool color)
{
    for (size_t i = 0; i < thread->n_tasks; i++) {
        const struct kei_dump_task *task = &thread->tasks[i];
        char text[256];
        snprintf(text, sizeof text, "%s %s", kind_of(task), task->name);
        printf("  ");
        put(text, width);
        printf("  %s%-*s%s", color ? "\033[36m" : "", STATE_COLUMN - 1, task->state, color ? "\033[0m " : " ");
        snprintf(text, sizeof text, task->on[0] != '\0' ? "on %s" : "%s", task->on);
        put(text, DETAIL_COLUMN);
        printf(" ");
        put_stack(task->frames, task->n_frames, thread->tasks_proved);
        if (task->awaiter[0] != '\0') {
            printf("  awaited by ");
            put(task->awaiter, 0);
        }
        printf("\n");
    }
    if (thread->tasks_left_out != 0)
        printf("  … and at least %llu more tasks\n", (unsigned long long)thread->tasks_left_out);
}

static void print_text(const struct kei_dump *dump, bool color)
{
    printf("%d  ", (int)dump->pid);
    put(dump->command, 0);
    printf("  %s", dump->python);
    for (size_t i = 0; i < dump->n_threads; i++) {
        if (!dump->threads[i].holds_gil)
            continue;
        printf("  GIL: ");
        put(dump->threads[i].name[0] != '\0' ? dump->threads[i].name : "unnamed thread", 0);
    }
    printf("\n");
    int width = name_width(dump);
    for (size_t i = 0; i < dump->n_threads; i++) {
        const struct kei_dump_thread *thread = &dump->threads[i];
        char number[32];
        snprintf(number, sizeof number, "thread %d", (int)thread->tid);
        printf("  ");
        put(thread->name[0] != '\0' ? thread->name : number, width);
        printf("  %s%-*s%s", color ? "\033[36m" : "", STATE_COLUMN - 1, thread->state, color ? "\033[0m " : " ");
        put_detail(dump, thread);
        printf(" ");
        put_frames(thread);
        put_tasks(thread, width, color);
    }
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------
 */

static void json_member(const char *name, const char *text)
{
    size_t size = kei_json_text(text, NULL, 0) + 1;
    char *quoted = malloc(size);
    if (quoted == NULL) {
        printf("\"%s\": null", name);
        return;
    }
    kei_json_text(text, quoted, size);
    printf("\"%s\": %s", name, quoted);
    free(quoted);
}

static void json_frames(const struct kei_dump_frame *frames, size_t n_frames)
{
    printf("\"frames\": [");
    for (size_t i = 0; i < n_frames; i++) {
        printf("%s\n      {", i == 0 ? "" : ",");
        json_member("function", frames[i].function);
        printf(", ");
        json_member("file", frames[i].file);
        printf(", \"line\": %u%s}", frames[i].line, frames[i].native ? ", \"native\": true" : "");
    }
    printf("]");
}

static void json_task(const struct kei_dump_task *task)
{
    printf("\n      {");
    json_member("name", task->name);
    printf(", ");
    json_member("state", task->state);
    printf(", ");
    json_member("on", task->on);
    printf(", ");
    json_member("awaiter", task->awaiter);
    printf(", ");
    json_frames(task->frames, task->n_frames);
    printf("}");
}

/* Its tasks, or its greenlets. */
static void json_tasks(const struct kei_dump_thread *thread, bool greenlets)
{
    bool any = false;
    for (size_t i = 0; i < thread->n_tasks; i++) {
        if (thread->tasks[i].greenlet != greenlets)
            continue;
        if (!any)
            printf(", \"%s\": [", greenlets ? "greenlets" : "tasks");
        printf(any ? "," : "");
        any = true;
        json_task(&thread->tasks[i]);
    }
    if (any)
        printf("]");
}

static void json_thread(const struct kei_dump_thread *thread)
{
    printf("    {\"tid\": %d, ", (int)thread->tid);
    json_member("name", thread->name);
    printf(", ");
    json_member("state", thread->state);
    printf(", ");
    json_member("detail", thread->detail);
    printf(", \"holds_gil\": %s, \"proved\": %s, ", thread->holds_gil ? "true" : "false",
           thread->proved ? "true" : "false");
    if (thread->native[0] != '\0') {
        json_member("native", thread->native);
        printf(", ");
        json_member("native_why", thread->native_why);
        printf(", ");
    }
    json_frames(thread->frames, thread->n_frames);
    if (thread->n_tasks > 0) {
        json_tasks(thread, false);
        json_tasks(thread, true);
        printf(", \"tasks_proved\": %s, \"tasks_left_out\": %llu", thread->tasks_proved ? "true" : "false",
               (unsigned long long)thread->tasks_left_out);
    }
    printf("}");
}

static void print_json(const struct kei_dump *dump)
{
    printf("{\"schema\": \"keisoku-dump/1\", \"pid\": %d, ", (int)dump->pid);
    json_member("command", dump->command);
    printf(", ");
    json_member("python", dump->python);
    printf(", \"threads\": [");
    for (size_t i = 0; i < dump->n_threads; i++) {
        printf(i == 0 ? "\n" : ",\n");
        json_thread(&dump->threads[i]);
    }
    printf("\n  ]}\n");
}

int command_dump(const struct command *command, const struct settings *settings, int count, char **words)
{
    struct kei_dump *dump = NULL;
    struct kei_error error = {0};
    double pid;
    const char *why;
    if (count != 1)
        return message_usage(command, count == 0 ? "PID is missing" : "it takes one PID");
    if (!option_number(OPTION_ID, words[0], &pid, &why)) {
        message("dump: %s is no PID: %s", words[0], why);
        return command->usage_status;
    }
    held_watch(command->failure_status, "no stack can be shown", NULL);
    int rc = kei_dump((pid_t)pid, settings->native, &dump, &error);
    held_watch_end();
    if (rc != 0)
        return message_error(command, &error);
    if (settings->plain_json)
        print_json(dump);
    else
        print_text(dump, color_wanted(settings->color, 1));
    kei_dump_free(dump);
    return message_printed(0);
}
