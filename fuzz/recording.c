/*
 * A damaged recording: a good one, made at the start, with bytes overwritten and its end cut as the input says. It must
 * load or be refused with a message; what loads must be consistent enough to be summed.
 */
#include "data/recording.h"
#include "base/clock.h"
#include "data/aggregate.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/keisoku-fuzz-XXXXXX";
static char damaged[64];
static uint8_t *good;
static size_t good_size;

static void remove_all(void)
{
    char path[64];
    static const char *const names[] = {"good.kei", "damaged.kei", "damaged.kei-wal", "damaged.kei-shm",
                                        "damaged.kei-journal"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void fill(struct recording *recording)
{
    uint32_t name = recording_add_string(recording, "work", 4), file = recording_add_string(recording, "/app.py", 7);
    struct process process = {.pid = 100, .command = name, .executable = file, .python = name, .exit_status = 0};
    struct thread thread = {.process = recording_add_process(recording, &process), .tid = 100, .name = name};
    uint32_t thread_id = recording_add_thread(recording, &thread), stack = 0;
    for (uint32_t i = 0; i < 5; i++) {
        struct function function = {.name = name, .file = file, .first_line = i + 1};
        stack = recording_add_stack(
            recording, stack, recording_add_frame(recording, recording_add_function(recording, &function), i + 2));
    }
    recording_add_source(recording, file, 1, "def work():\n    pass\n", 21);
    recording_add_note(recording, "a note");
    for (uint32_t i = 0; i < 200; i++) {
        struct sample sample = {.time_ns = (i + 1) * 1000000ULL,
                                .thread = thread_id,
                                .stack = stack - i % 4,
                                .ticks = 1,
                                .run_ns = 900000,
                                .delay_ns = 1000,
                                .state = (uint8_t)(i % 3),
                                .reader = READER_CORE};
        struct counter counter = {.time_ns = sample.time_ns, .subject = 1, .kind = COUNTER_RSS, .value = i * 4096};
        recording_add_sample(recording, &sample);
        recording_add_counter(recording, &counter);
    }
    recording_add_loss(recording, LOSS_UNREADABLE, 3);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char *const command[] = {"python3", "app.py", NULL};
    struct recording_info info = {.command = command,
                                  .directory = "/",
                                  .host = "here",
                                  .mode = "run",
                                  .evidence = "/proc",
                                  .cores = 2,
                                  .cores_allowed = 2,
                                  .rate_hz = 1000};
    struct recording *recording = NULL;
    struct err err = {0};
    char path[64];
    MUST(mkdtemp(folder));
    atexit(remove_all);
    snprintf(path, sizeof(path), "%s/good.kei", folder);
    snprintf(damaged, sizeof(damaged), "%s/damaged.kei", folder);
    MUST(recording_new(path, &info, &recording, &err) == 0);
    fill(recording);
    MUST(recording_commit(recording, 300000000, &err) == 0 && recording_finish(recording, 300000000, &err) == 0);
    recording_free(recording);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    MUST(fd >= 0 && fstat(fd, &stat) == 0);
    good_size = (size_t)stat.st_size;
    good = malloc(good_size);
    MUST(good && read(fd, good, good_size) == (ssize_t)good_size);
    close(fd);
    return 0;
}

/* Two bytes: how much of the end is cut (in 64-byte steps, 0 most of the time); then runs of four: where, with what. */
static void write_damaged(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(good_size);
    MUST(bytes);
    memcpy(bytes, good, good_size);
    size_t cut = data[0] < 0xE0 ? 0 : data[1] * (size_t)64;
    for (size_t i = 2; i + 4 <= size; i += 4)
        bytes[(data[i] | (size_t)data[i + 1] << 8 | (size_t)data[i + 2] << 16) % good_size] = data[i + 3];
    int fd = open(damaged, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t length = cut < good_size ? good_size - cut : 0;
    MUST(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    close(fd);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    write_damaged(data, size);
    struct profile *profile = NULL;
    struct aggregate *aggregate = NULL;
    struct tree *tree = NULL;
    struct filter filter = {0};
    struct err err = {0};
    if (profile_load(damaged, &profile, &err) != 0) {
        MUST(err.text[0]);
        return 0;
    }
    if (aggregate_new(profile, &filter, &aggregate) == 0 && aggregate->n_functions > 0)
        MUST(aggregate->functions[0].function < profile->n_functions);
    if (tree_new(profile, &filter, true, &tree) == 0)
        MUST(tree->n_nodes > 0);
    aggregate_free(aggregate);
    tree_free(tree);
    profile_free(profile);
    return 0;
}
