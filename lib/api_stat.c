/* kei_stat: runs a program some times and counts. */
#include "api_outcome.h"
#include "base/mem.h"
#include "capture/trials/trial_run.h"

#include <unistd.h>

struct stat_result {
    char **command;
    struct trial *trials;
    size_t n, capacity, asked;
};

static void free_result(void *context)
{
    struct stat_result *result = context;
    if (result == NULL)
        return;
    for (size_t i = 0; result->command != NULL && result->command[i] != NULL; i++)
        mem_free(result->command[i]);
    mem_free(result->command);
    mem_free(result->trials);
    mem_free(result);
}

static struct stat_input input_of(const struct kei_outcome *outcome)
{
    const struct stat_result *result = outcome->result;
    return (struct stat_input){.command = result->command,
                               .trials = result->trials,
                               .n = result->n,
                               .asked = result->asked,
                               .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
}

static void write_text(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    struct stat_input input = input_of(outcome);
    stat_text(&input, screen, out);
}

static void write_json(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    struct stat_input input = input_of(outcome);
    (void)screen;
    stat_json(&input, out);
}

static void write_csv(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    struct stat_input input = input_of(outcome);
    (void)screen;
    stat_csv(&input, out);
}

static const struct outcome_format formats[] = {{"text", write_text}, {"json", write_json}, {"csv", write_csv}, {0}};

static struct stat_result *make_result(uint32_t repeat, char *const argv[])
{
    struct stat_result *result = mem_zalloc(1, sizeof *result);
    size_t n = 0;
    while (argv[n] != NULL)
        n++;
    if (result == NULL)
        return NULL;
    result->asked = repeat > 0 ? repeat : 1;
    result->command = mem_zalloc(n + 1, sizeof *result->command);
    for (size_t i = 0; result->command != NULL && i < n; i++)
        if ((result->command[i] = mem_strdup(argv[i])) == NULL)
            n = 0;
    if (result->command == NULL || result->command[0] == NULL || n == 0) {
        free_result(result);
        return NULL;
    }
    return result;
}

static int run_all(struct stat_result *result, const struct program *program, const struct kei_watch *watch,
                   struct err *err)
{
    while (result->n < result->asked && (result->n == 0 || !outcome_stop(watch))) {
        if (mem_grow(&result->trials, &result->capacity, result->n + 1, sizeof *result->trials) != 0)
            return err_set(err, ERR_NOMEM, "cannot keep more runs: out of memory; ask for fewer");
        int rc = trial_run(program, NULL, watch, &result->trials[result->n], err);
        if (rc != 0)
            return rc;
        result->n++;
        if (result->asked > 1)
            outcome_progress(watch, "run", (uint32_t)result->n, (uint32_t)result->asked);
    }
    return 0;
}

static int first_failure(const struct stat_result *result)
{
    int status = 0;
    for (size_t i = 0; i < result->n && status == 0; i++)
        status = trial_exit_status(result->trials[i].wait_status);
    return status;
}

int kei_stat(uint32_t repeat, char *const argv[], const struct kei_watch *watch, struct kei_outcome **outcome,
             struct kei_error *error)
{
    struct err err = {0};
    struct program program = {0};
    struct stat_result *result = NULL;
    int rc = program_resolve(argv, &program, &err);
    if (rc == 0 && (result = make_result(repeat, argv)) == NULL)
        rc = err_set(&err, ERR_NOMEM, "cannot measure: out of memory; free some memory");
    if (rc == 0 && result != NULL)
        rc = run_all(result, &program, watch, &err);
    if (rc == 0)
        rc = outcome_new(formats, result, free_result, outcome, &err);
    if (rc == 0 && result != NULL)
        (*outcome)->status = first_failure(result);
    else
        free_result(result);
    program_release(&program);
    return api_error(error, &err, rc);
}
