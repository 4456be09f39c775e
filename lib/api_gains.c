/* kei_gains: the score that recordings keep of their predictions. */
#include "api_outcome.h"
#include "base/mem.h"
#include "data/gain.h"
#include "export/gains.h"

enum { RECORDINGS_MAX = 4096 };

struct gains_result {
    struct gains *gains;
    char **paths;
    size_t n;
};

static void free_result(void *context)
{
    struct gains_result *result = context;
    if (result == NULL)
        return;
    for (size_t i = 0; i < result->n; i++) {
        gains_release(&result->gains[i]);
        mem_free(result->paths[i]);
    }
    mem_free(result->gains);
    mem_free(result->paths);
    mem_free(result);
}

static struct gains_input input_of(const struct kei_outcome *outcome)
{
    const struct gains_result *result = outcome->result;
    return (struct gains_input){(const char *const *)result->paths, result->gains, result->n};
}

static void write_text(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    struct gains_input input = input_of(outcome);
    gains_text(&input, screen, out);
}

static void write_json(const struct kei_outcome *outcome, const struct trials_screen *screen, struct buf *out)
{
    struct gains_input input = input_of(outcome);
    (void)screen;
    gains_json(&input, out);
}

static const struct outcome_format formats[] = {{"text", write_text}, {"json", write_json}, {0}};

static int read_all(struct kei_words paths, struct gains_result *result, struct err *err)
{
    int rc = 0;
    result->gains = mem_zalloc(paths.count, sizeof *result->gains);
    result->paths = mem_zalloc(paths.count, sizeof *result->paths);
    if (result->gains == NULL || result->paths == NULL)
        return ERR_NOMEM;
    while (rc == 0 && result->n < paths.count) {
        const char *path = paths.items[result->n];
        result->paths[result->n] = mem_strdup(path);
        rc = result->paths[result->n] != NULL ? gains_read(path, &result->gains[result->n], err) : ERR_NOMEM;
        result->n++;
    }
    return rc;
}

int kei_gains(struct kei_words paths, struct kei_outcome **outcome, struct kei_error *error)
{
    struct err err = {0};
    int rc;
    *outcome = NULL;
    if (paths.count == 0 || paths.count > RECORDINGS_MAX) {
        rc = err_set(&err, ERR_BAD_INPUT, "gains are read from 1 to %d recordings", RECORDINGS_MAX);
        return api_error(error, &err, rc);
    }
    struct gains_result *result = mem_zalloc(1, sizeof *result);
    rc = result != NULL ? read_all(paths, result, &err) : ERR_NOMEM;
    if (rc == 0)
        rc = outcome_new(formats, result, free_result, outcome, &err);
    if (rc != 0)
        free_result(result);
    return api_error(error, &err, rc);
}
