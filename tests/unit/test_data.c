/* Unit tests of lib/data: the groups and what they share. */
#include "data_tests.h"

char directory[64];

const char *path_of(const char *name)
{
    static char path[4][160];
    static unsigned turn;
    char *result = path[turn++ % 4];
    snprintf(result, sizeof path[0], "%s/%s", directory, name);
    return result;
}

struct profile *load(const char *path)
{
    struct profile *profile = NULL;
    struct err err = {0};
    int rc = profile_load(path, &profile, &err);
    if (rc != 0)
        print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
    return profile;
}

struct profile *make(struct synthetic *synthetic, const char *name, off_t *size)
{
    struct recording *recording = synthetic_open(path_of(name));
    assert_non_null(recording);
    char path[4096];
    snprintf(path, sizeof path, "%s", recording_path(recording));
    uint64_t duration;
    struct err err = {0};
    assert_int_equal(synthetic_write(synthetic, recording, &duration), 0);
    assert_int_equal(recording_finish(recording, duration, &err), 0);
    recording_free(recording);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    if (size != NULL)
        *size = status.st_size;
    return load(path);
}

void assert_close(double a, double b, double relative)
{
    if (fabs(a - b) > relative * fabs(b))
        fail_msg("%.9g is not %.9g", a, b);
}

void assert_load_fails(const char *path, int code)
{
    struct profile *profile = NULL;
    struct err err = {0};
    int rc = profile_load(path, &profile, &err);
    if (rc != code)
        print_message("%s gave %d: %s\n", path, rc, err.text);
    assert_int_equal(rc, code);
    assert_null(profile);
    assert_non_null(strstr(err.text, path));
    assert_null(strchr(err.text, '\n'));
}

size_t count_ticks_of(const struct profile *profile)
{
    size_t ticks = 0;
    for (size_t i = 0; i < profile->samples.count; i++)
        ticks += profile->samples.ticks[i];
    return ticks;
}

int main(void)
{
    snprintf(directory, sizeof directory, "/tmp/keisoku-data-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return 1;
    int failed = profile_tests() + crash_tests() + hostile_tests() + weight_tests() + merge_tests() + window_tests() +
                 recall_tests() + pool_tests();
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) != 0 || failed != 0;
}
