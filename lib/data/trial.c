#include "data/trial.h"

#include <sys/wait.h>

const struct measure_row measure_rows[MEASURE_COUNT] = {
#define MEASURE(name, text, label, unit, source) {text, label, UNIT_##unit, SOURCE_##source},
#include "data/measures.def"
#undef MEASURE
};

const char *measure_status_text(enum measure_status status)
{
    switch (status) {
    case MEASURE_NOT_SUPPORTED:
        return "not supported here";
    case MEASURE_NOT_PERMITTED:
        return "not permitted";
    case MEASURE_NOT_COUNTED:
        return "not counted";
    default:
        return "";
    }
}

int trial_exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}
