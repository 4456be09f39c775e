/*
 * make-recording DESCRIPTION OUTPUT: writes a recording from a plain text description and prints the name taken. For
 * tests that need a recording with known contents. One statement a line, words parted by blanks, # to the end of a
 * line is a comment. Things are named before they are used. Times are seconds.
 *
 *   command WORD…              arguments of the program (none: as attach)
 *   directory PATH · host NAME · mode run|attach · evidence TEXT…
 *   started S                  that long after the first of January 2026
 *   cores N [ALLOWED [QUOTA]]
 *   seed N                     of what is at random in the samples that follow
 *   rate HZ                    of the samples that follow (1000)
 *   process NAME PID [python=VERSION] [parent=NAME] [start=S] [end=S] [exit=WAIT_STATUS] [command=WORD] [exe=PATH]
 *   thread NAME PROCESS TID [name=TEXT] [start=S] [end=S]      its time line begins at start
 *   function NAME FILE FIRST_LINE [python|native|kernel] [as=SHOWN_NAME]
 *   stack NAME FUNCTION:LINE…  outermost first; FUNCTION:LINE*N: N times; a first word +STACK: goes on from there
 *   during THREAD SECONDS [SHARE%]STATE@STACK… [delay=SHARE] [reader=NAME] [marks=N] [place=N]
 *                              the thread's next stretch: samples at exponentially jittered intervals, each of one of
 *                              the kinds given, at random by their shares (1 kind: no share needed; STACK -: none);
 *                              on-CPU kinds run all the time but `delay`, the share of it that waits for a core
 *   sleep THREAD SECONDS STATE@STACK      one sample that stands for the whole stretch
 *                              `during` and `sleep` take task=TASK
 *   task NAME THREAD FUNCTION [name=TEXT] [awaiter=TASK]      one of asyncio's; FUNCTION -: not known
 *   wait TASK STACK SECONDS [on=TYPE]     it was found waiting there
 *   operand FUNCTION:LINE OPERATION SLOT TYPE LOOKS [items=N] [most=N] [shape=N_x_N]     what the line works on
 *   holder FUNCTION:LINE FUNCTION:LINE THREAD LOOKS     the first waited for a lock that the second held (-: not told)
 *   calls FUNCTION CALLS [TOLD REPEATS GAVE_NONE COMPARED CHANGED]     in the first process, counted
 *   allocation STACK BLOCKS BYTES MOST_BLOCKS MOST_BYTES     in the first process (STACK -: without Python)
 *   counter KIND SUBJECT TIME VALUE       SUBJECT: a core's number or a process's name
 *   gap TIME LENGTH           the recording was paused there
 *   loss KIND COUNT · note TEXT… · self KEY VALUE (a field of struct self_report)
 *   source FILE FIRST_LINE PATH           text of FILE, read from PATH (relative to the description)
 *   unfinished                            ends as if the recorder had been killed
 */
#include "make_recording.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct maker maker = {.rate_hz = 1000};

void stop(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%u: ", maker.description, maker.line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

char *word(int i)
{
    if (i >= maker.n_words)
        stop("%s: a word is missing", maker.words[0]);
    return maker.words[i];
}

double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0')
        stop("%s is no number", text);
    return value;
}

uint64_t nanoseconds(const char *text)
{
    return (uint64_t)llround(number(text) * 1e9);
}

const char *option(const char *key)
{
    size_t length = strlen(key);
    for (int i = 1; i < maker.n_words; i++) {
        if (strncmp(maker.words[i], key, length) == 0 && maker.words[i][length] == '=')
            return maker.words[i] + length + 1;
    }
    return NULL;
}

static void give_name(const char *kind, const char *name, uint32_t id)
{
    char key[512];
    uint32_t kept;
    bool found;
    int length = snprintf(key, sizeof key, "%s %s", kind, name);
    if (id == 0 || map_put(&maker.names, key, (size_t)length, id, &kept, &found) != 0)
        stop("%s %s could not be added", kind, name);
    if (found)
        stop("%s %s is there already", kind, name);
}

uint32_t named(const char *kind, const char *name)
{
    char key[512];
    uint32_t id;
    int length = snprintf(key, sizeof key, "%s %s", kind, name);
    if (!map_get(&maker.names, key, (size_t)length, &id))
        stop("there is no %s %s", kind, name);
    return id;
}

/* The recording is made at the first statement that needs it: what describes it comes before. */
struct recording *recording(void)
{
    struct err err = {0};
    maker.info.rate_hz = maker.rate_hz;
    if (maker.recording == NULL && recording_new(maker.output, &maker.info, &maker.recording, &err) != 0)
        stop("%s", err.text);
    return maker.recording;
}

static uint32_t text_id(const char *text)
{
    return text == NULL ? 0 : recording_add_string(recording(), text, strlen(text));
}

/* All words from `from` on, joined by `joint`. */
static char *joined(int from, char joint)
{
    static char text[65536];
    size_t size = 0;
    for (int i = from; i < maker.n_words; i++) {
        int more = snprintf(text + size, sizeof text - size, "%s%c", maker.words[i], joint);
        size += (size_t)more;
        if (size >= sizeof text)
            stop("too long");
    }
    text[size > 0 ? size - 1 : 0] = '\0';
    return strdup(text);
}

static void do_info(void)
{
    const char *what = maker.words[0];
    if (maker.recording != NULL)
        stop("%s must come before processes", what);
    if (strcmp(what, "command") == 0) {
        char **command = calloc((size_t)maker.n_words, sizeof *command);
        for (int i = 1; i < maker.n_words; i++)
            command[i - 1] = strdup(maker.words[i]);
        maker.info.command = (const char *const *)command;
    } else if (strcmp(what, "cores") == 0) {
        maker.info.cores = maker.info.cores_allowed = (uint32_t)number(word(1));
        if (maker.n_words > 2)
            maker.info.cores_allowed = (uint32_t)number(word(2));
        if (maker.n_words > 3)
            maker.info.cores_quota = number(word(3));
    } else if (strcmp(what, "directory") == 0) {
        maker.info.directory = joined(1, ' ');
    } else if (strcmp(what, "host") == 0) {
        maker.info.host = joined(1, ' ');
    } else if (strcmp(what, "started") == 0) {
        maker.info.start_unix_ns += nanoseconds(word(1));
    } else if (strcmp(what, "mode") == 0) {
        maker.info.mode = joined(1, ' ');
    } else {
        maker.info.evidence = joined(1, ' ');
    }
}

static void do_rate(void)
{
    maker.rate_hz = number(word(1));
    if (!(maker.rate_hz > 0))
        stop("rate must be above 0");
}

static void do_seed(void)
{
    maker.random = (uint64_t)number(word(1));
}

static void do_process(void)
{
    struct process process = {.pid = (int32_t)number(word(2)), .exit_status = EXIT_STATUS_RUNNING};
    if (option("parent") != NULL)
        process.parent = named("process", option("parent"));
    process.python = text_id(option("python"));
    process.command = text_id(option("command"));
    process.executable = text_id(option("exe"));
    if (option("start") != NULL)
        process.start_ns = nanoseconds(option("start"));
    if (option("end") != NULL)
        process.end_ns = nanoseconds(option("end"));
    if (option("exit") != NULL)
        process.exit_status = (int32_t)number(option("exit"));
    uint32_t id = recording_add_process(recording(), &process);
    give_name("process", word(1), id);
}

static void do_thread(void)
{
    struct thread thread = {.process = named("process", word(2)), .tid = (int32_t)number(word(3))};
    thread.name = text_id(option("name"));
    if (option("start") != NULL)
        thread.start_ns = nanoseconds(option("start"));
    if (option("end") != NULL)
        thread.end_ns = nanoseconds(option("end"));
    uint32_t id = recording_add_thread(recording(), &thread);
    give_name("thread", word(1), id);
    if (id >= NAMED_MAX)
        stop("too many threads");
    maker.threads[id] = (struct timeline){thread, thread.start_ns};
}

static void do_function(void)
{
    const char *name = option("as") != NULL ? option("as") : word(1);
    struct function function = {
        .name = text_id(name), .file = text_id(word(2)), .first_line = (uint32_t)number(word(3))};
    for (int i = 4; i < maker.n_words; i++) {
        if (strcmp(maker.words[i], "native") == 0)
            function.kind = FUNCTION_NATIVE;
        else if (strcmp(maker.words[i], "kernel") == 0)
            function.kind = FUNCTION_KERNEL;
    }
    give_name("function", word(1), recording_add_function(recording(), &function));
}

static void do_stack(void)
{
    uint32_t stack = 0;
    int i = 2;
    if (word(i)[0] == '+')
        stack = named("stack", word(i++) + 1);
    for (; i < maker.n_words; i++) {
        char *colon = strrchr(word(i), ':'), *star = strrchr(word(i), '*');
        if (colon == NULL)
            stop("%s: FUNCTION:LINE is wanted", word(i));
        long times = star != NULL && star > colon ? strtol(star + 1, NULL, 10) : 1;
        if (star != NULL && star > colon)
            *star = '\0';
        *colon = '\0';
        uint32_t frame = recording_add_frame(recording(), named("function", word(i)), (uint32_t)number(colon + 1));
        for (long n = 0; n < times; n++)
            stack = recording_add_stack(recording(), stack, frame);
    }
    give_name("stack", word(1), stack);
}

static void do_task(void)
{
    struct task task = {.thread = named("thread", word(2))};
    task.coroutine = strcmp(word(3), "-") == 0 ? 0 : named("function", word(3));
    task.name = text_id(option("name") != NULL ? option("name") : word(1));
    task.awaiter = option("awaiter") != NULL ? named("task", option("awaiter")) : 0;
    give_name("task", word(1), recording_add_task(recording(), &task));
}

static void do_wait(void)
{
    struct task_wait wait = {.task = named("task", word(1)), .wait_ns = nanoseconds(word(3))};
    wait.stack = strcmp(word(2), "-") == 0 ? 0 : named("stack", word(2));
    wait.on = text_id(option("on"));
    wait.looks = wait.wait_ns / 100000000;
    recording_add_task_wait(recording(), &wait);
}

/* Half of the looks saw fewer items, half most. */
static void do_operand(void)
{
    char *colon = strchr(word(1), ':');
    if (colon == NULL)
        stop("operand: FUNCTION:LINE is wanted");
    *colon = '\0';
    struct operand operand = {
        .operation = text_id(word(2)), .slot = (uint8_t)number(word(3)), .type = text_id(word(4))};
    operand.frame = recording_add_frame(recording(), named("function", word(1)), (uint32_t)number(colon + 1));
    char shape[64];
    snprintf(shape, sizeof shape, "%s", option("shape") != NULL ? option("shape") : "");
    for (char *at = shape; *at != '\0'; at++) /* words have no blanks */
        *at = *at == '_' ? ' ' : *at;
    operand.shape = shape[0] != '\0' ? text_id(shape) : 0;
    operand.looks = (uint64_t)number(word(5));
    if (option("items") != NULL) {
        operand.sized = operand.looks;
        operand.least = operand.first = (int64_t)number(option("items"));
        operand.most = operand.latest = option("most") != NULL ? (int64_t)number(option("most")) : operand.least;
        operand.total = (operand.least + operand.most) * (int64_t)operand.looks / 2;
    }
    recording_merge_operand(recording(), &operand);
}

static uint32_t frame_of(char *place)
{
    char *colon = strchr(place, ':');
    if (colon == NULL)
        stop("holder: FUNCTION:LINE is wanted");
    *colon = '\0';
    return recording_add_frame(recording(), named("function", place), (uint32_t)number(colon + 1));
}

static void do_holder(void)
{
    struct lock_holder holder = {.frame = frame_of(word(1)), .looks = (uint64_t)number(word(4))};
    holder.held = strcmp(word(2), "-") == 0 ? 0 : frame_of(word(2));
    holder.thread = strcmp(word(3), "-") == 0 ? 0 : text_id(word(3));
    recording_add_lock_holder(recording(), &holder);
}

static void do_calls(void)
{
    struct call_count count = {
        .process = 1, .function = named("function", word(1)), .calls = (uint64_t)number(word(2))};
    uint64_t *further[] = {&count.told, &count.repeats, &count.gave_none, &count.compared, &count.changed};
    for (int i = 0; i < 5 && maker.n_words > 3; i++)
        *further[i] = (uint64_t)number(word(3 + i));
    recording_add_call_count(recording(), &count);
}

static void do_allocation(void)
{
    struct allocation allocation = {.process = 1,
                                    .stack = strcmp(word(1), "-") == 0 ? 0 : named("stack", word(1)),
                                    .blocks = (int64_t)number(word(2)),
                                    .bytes = (int64_t)number(word(3)),
                                    .most_blocks = (int64_t)number(word(4)),
                                    .most_bytes = (int64_t)number(word(5))};
    recording_add_allocation(recording(), &allocation);
}

static void do_loss(void)
{
    for (int i = 0; i < LOSS_KIND_COUNT; i++) {
        if (strcmp(word(1), loss_name((enum loss_kind)i)) == 0) {
            recording_add_loss(recording(), (enum loss_kind)i, (uint64_t)number(word(2)));
            return;
        }
    }
    stop("there is no loss %s", word(1));
}

static void do_note(void)
{
    recording_add_note(recording(), joined(1, ' '));
}

static void do_gap(void)
{
    recording_add_gap(recording(), (uint64_t)(number(word(1)) * 1e9), (uint64_t)(number(word(2)) * 1e9));
}

static void do_self(void)
{
    const struct {
        const char *key;
        uint64_t *count;
        double *rate;
    } fields[] = {{"own_cpu_ns", &maker.self.own_cpu_ns, NULL},
                  {"core_taken_ns", &maker.self.core_taken_ns, NULL},
                  {"own_rss_bytes", &maker.self.own_rss_bytes, NULL},
                  {"sweeps", &maker.self.sweeps, NULL},
                  {"sweeps_planned", &maker.self.sweeps_planned, NULL},
                  {"late", &maker.self.late, NULL},
                  {"reads", &maker.self.reads, NULL},
                  {"rereads", &maker.self.rereads, NULL},
                  {"stops", &maker.self.stops, NULL},
                  {"waited_ns", &maker.self.waited_ns, NULL},
                  {"page_wait_ns", &maker.self.page_wait_ns, NULL},
                  {"rate_asked_hz", NULL, &maker.self.rate_asked_hz},
                  {"rate_hz", NULL, &maker.self.rate_hz}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(word(1), fields[i].key) != 0)
            continue;
        if (fields[i].count != NULL)
            *fields[i].count = (uint64_t)number(word(2));
        else
            *fields[i].rate = number(word(2));
        return;
    }
    stop("there is no %s of the recorder itself", word(1));
}

static void do_source(void)
{
    static char path[4096], text[1 << 20];
    const char *slash = strrchr(maker.description, '/');
    snprintf(path, sizeof path, "%.*s%s", word(3)[0] != '/' && slash != NULL ? (int)(slash - maker.description) + 1 : 0,
             maker.description, word(3));
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        stop("cannot read %s: %s", path, strerror(errno));
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    recording_add_source(recording(), text_id(word(1)), (uint32_t)number(word(2)), text, size);
}

static void do_unfinished(void)
{
    maker.unfinished = true;
}

static void do_line(void)
{
    static const struct {
        const char *word;
        void (*run)(void);
    } statements[] = {{"command", do_info},
                      {"directory", do_info},
                      {"host", do_info},
                      {"mode", do_info},
                      {"started", do_info},
                      {"evidence", do_info},
                      {"cores", do_info},
                      {"rate", do_rate},
                      {"seed", do_seed},
                      {"process", do_process},
                      {"thread", do_thread},
                      {"function", do_function},
                      {"stack", do_stack},
                      {"during", do_during},
                      {"sleep", do_sleep},
                      {"task", do_task},
                      {"wait", do_wait},
                      {"operand", do_operand},
                      {"holder", do_holder},
                      {"calls", do_calls},
                      {"allocation", do_allocation},
                      {"counter", do_counter},
                      {"loss", do_loss},
                      {"note", do_note},
                      {"gap", do_gap},
                      {"self", do_self},
                      {"source", do_source},
                      {"unfinished", do_unfinished}};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strcmp(maker.words[0], statements[i].word) == 0) {
            statements[i].run();
            return;
        }
    }
    stop("%s: no such statement", maker.words[0]);
}

static void finish(void)
{
    struct err err = {0};
    recording_set_self(recording(), &maker.self);
    for (uint32_t id = 1; id < NAMED_MAX; id++) {
        if (maker.threads[id].thread.process != 0)
            recording_set_thread(maker.recording, id, &maker.threads[id].thread);
    }
    int rc = maker.unfinished ? recording_commit(maker.recording, maker.end_ns, &err)
                              : recording_finish(maker.recording, maker.end_ns, &err);
    if (rc != 0)
        stop("%s", err.text);
    puts(recording_path(maker.recording));
    fflush(stdout);
    if (maker.unfinished)
        _exit(0); /* nothing is closed, as after a kill */
    recording_free(maker.recording);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: make-recording DESCRIPTION OUTPUT\n");
        return 2;
    }
    maker.description = argv[1];
    maker.output = argv[2];
    maker.info = (struct recording_info){.directory = "/",
                                         .host = "here",
                                         .mode = "run",
                                         .evidence = "/proc",
                                         .cores = 4,
                                         .cores_allowed = 4,
                                         .start_unix_ns = UINT64_C(1767225600000000000)};
    FILE *file = fopen(maker.description, "r");
    if (file == NULL)
        stop("cannot read: %s", strerror(errno));
    static char line[65536];
    while (fgets(line, sizeof line, file) != NULL) {
        maker.line++;
        maker.n_words = 0;
        line[strcspn(line, "#\n")] = '\0';
        for (char *at = strtok(line, " \t"); at != NULL && maker.n_words < WORDS_MAX; at = strtok(NULL, " \t"))
            maker.words[maker.n_words++] = at;
        if (maker.n_words > 0)
            do_line();
    }
    fclose(file);
    finish();
    map_release(&maker.names);
    return 0;
}
