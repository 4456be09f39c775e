/* The comparison of two profiles built by hand: sums, kinds, intervals, short memory. */
#include "diagnose/compare.h"
#include "diagnose/summary.h"

#include "failing.h"
#include "profile_builder.h"

#include <math.h>
#include <stdio.h>

enum { MS = 1000000 };

/* One thread, a sample each millisecond: `n[i]` of function i, in that order. */
static struct built *make(const char *directory, const unsigned n[3])
{
    static const char *const names[] = {"load", "match", "write"};
    struct built *built = built_new();
    char *file = malloc(64);
    snprintf(file, 64, "%s/app.py", directory);
    built->profile.directory = directory;
    uint32_t main = built_stack(built, 0, built_function(built, "<module>", file, true), 1),
             thread = built_thread(built, 1);
    uint64_t now = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t stack = built_stack(built, main, built_function(built, names[i], file, true), 10 + i);
        for (unsigned k = 0; k < n[i]; k++)
            built_sample(built, ++now * MS, thread, stack, STATE_PYTHON, 1, MS);
    }
    return built;
}

static void built_free(struct built *built)
{
    free((char *)built->strings[built->functions[1].file]);
    free(built);
}

static int compare_two(const struct built *a, const struct built *b, enum compare_per per, bool cpu,
                       struct comparison **comparison)
{
    static const struct profile *profiles[SIDES];
    profiles[SIDE_A] = &a->profile;
    profiles[SIDE_B] = &b->profile;
    const struct compare_runs runs[SIDES] = {{&profiles[SIDE_A], 1}, {&profiles[SIDE_B], 1}};
    return compare_new(runs, per, cpu, comparison);
}

static const struct change *self_of(const struct comparison *comparison, const char *name)
{
    for (uint32_t i = 1; i < comparison->n_functions; i++) {
        struct compare_place place = compare_place(comparison, i);
        if (strcmp(place.profile->strings[place.name], name) == 0)
            return &comparison->functions[i].self;
    }
    fail_msg("no %s", name);
    return NULL;
}

static void changes_are_told_and_noise_is_not(void **state)
{
    (void)state;
    struct built *a = make("/srv/shop", (unsigned[]){2000, 1000, 0}),
                 *b = make("/home/me", (unsigned[]){2020, 400, 300});
    struct comparison *comparison = NULL;
    assert_int_equal(compare_two(a, b, PER_CHOSEN_BY_US, false, &comparison), 0);
    assert_int_equal(comparison->per, PER_RUN);
    assert_int_equal(comparison->n_functions, 5); /* the same files, from another directory */
    assert_int_equal(self_of(comparison, "load")->kind, CHANGE_NOISE);
    assert_int_equal(self_of(comparison, "match")->kind, CHANGE_LESS);
    assert_int_equal(self_of(comparison, "write")->kind, CHANGE_NEW);
    const struct change *match = self_of(comparison, "match");
    assert_true(fabs(match->change + 0.6) < 1e-9);
    /* 1000 of 3000 in 3 s and 400 of 2720 in 2.72 s: deviations of 25.8 and 18.5 ms, wider by 2 % for the windows,
     * 2.5 of them for four functions at once. */
    double half = 2.498 * sqrt(0.0258 * 0.0258 + 0.0185 * 0.0185) * 1.02;
    assert_true(fabs((match->high - match->low) / 2 / half - 1) < 0.02);
    assert_non_null(strstr(comparison->headline, "B is faster: 2.72 s in place of 3.00 s"));
    assert_true(strncmp(comparison->detail, "match 600 ms ±", 15) == 0);
    compare_free(comparison);
    built_free(a);
    built_free(b);
}

static void per_cpu_second_takes_length_out(void **state)
{
    (void)state;
    struct built *a = make("/a", (unsigned[]){1000, 500, 0}), *b = make("/a", (unsigned[]){4000, 2000, 0});
    struct comparison *comparison = NULL;
    assert_int_equal(compare_two(a, b, PER_CPU_SECOND, false, &comparison), 0);
    assert_int_equal(comparison->n_changed, 0);
    assert_true(fabs(self_of(comparison, "load")->value[SIDE_A] - 2.0 / 3) < 1e-9);
    compare_free(comparison);
    assert_int_equal(compare_two(a, b, PER_RUN, true, &comparison), 0);
    assert_int_equal(comparison->n_changed, 2);
    compare_free(comparison);
    built_free(a);
    built_free(b);
}

/* Three runs of A, two of B: `load` is 2.00, 2.04 and 2.02 s in A and 2.6 and 2.64 s in B, `match` 1.0, 1.3 and 0.7 and
 * then 1.2 and 1.25 s; `write` is new. Worked out by hand. */
static void several_runs_tell_their_spread(void **state)
{
    (void)state;
    struct built *runs[] = {make("/a", (unsigned[]){2000, 1000, 0}), make("/a", (unsigned[]){2040, 1300, 0}),
                            make("/b", (unsigned[]){2020, 700, 0}), make("/a", (unsigned[]){2600, 1200, 500}),
                            make("/a", (unsigned[]){2640, 1250, 520})};
    const struct profile *profiles[5];
    for (int i = 0; i < 5; i++)
        profiles[i] = &runs[i]->profile;
    const struct compare_runs both[SIDES] = {{profiles, 3}, {profiles + 3, 2}};
    struct comparison *comparison = NULL;
    assert_int_equal(compare_new(both, PER_CHOSEN_BY_US, false, &comparison), 0);
    const struct change *load = self_of(comparison, "load"), *match = self_of(comparison, "match");
    assert_true(fabs(load->value[SIDE_A] - 2.02) < 1e-9 && fabs(load->value[SIDE_B] - 2.62) < 1e-9);
    assert_true(fabs(match->change - 0.225) < 1e-9);
    /* Squares of deviations: 2 * 0.3^2 + 2 * 0.025^2, three degrees of freedom; three functions at once: t is 4.857. */
    double half = 4.857 * sqrt((2 * 0.09 + 2 * 0.000625) / 3 * (1.0 / 3 + 1.0 / 2));
    assert_true(fabs((match->high - match->low) / 2 / half - 1) < 0.001);
    assert_int_equal(match->kind,
                     CHANGE_NOISE); /* one run each, the first of A and the last of B, would have told it */
    assert_int_equal(load->kind, CHANGE_MORE);
    assert_int_equal(self_of(comparison, "write")->kind, CHANGE_NEW);
    assert_true((load->high - load->low) / 2 > 0.05); /* by the samples, wider than by the runs: 0.08 */
    assert_int_equal(comparison->whole.kind, CHANGE_MORE);
    assert_non_null(strstr(comparison->headline, "±"));
    compare_free(comparison);
    for (int i = 0; i < 5; i++)
        built_free(runs[i]);
}

/* Two-sided points of Student's t, by tables. */
static void points_of_student(void **state)
{
    (void)state;
    const struct {
        size_t degrees, many;
        double t;
    } points[] = {{1, 1, 12.7062},  {2, 1, 4.30265}, {3, 1, 3.18245}, {4, 5, 4.60409},
                  {7, 50, 5.40788}, {8, 5, 3.35539}, {30, 1, 2.04227}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        assert_true(fabs(student_t_of(points[i].degrees, points[i].many) / points[i].t - 1) < 1e-5);
    assert_true(isinf(student_t_of(0, 1)));
}

static struct built *sides[SIDES];

static int compare_once(void *context)
{
    (void)context;
    struct comparison *comparison = NULL;
    int rc = compare_two(sides[0], sides[1], PER_RUN, false, &comparison);
    compare_free(comparison);
    return rc;
}

static void short_memory_is_an_error(void **state)
{
    (void)state;
    sides[0] = make("/a", (unsigned[]){50, 20, 0});
    sides[1] = make("/b", (unsigned[]){50, 0, 20});
    assert_true(failing_each(compare_once, NULL, true) > 10);
    built_free(sides[0]);
    built_free(sides[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_told_and_noise_is_not), cmocka_unit_test(per_cpu_second_takes_length_out),
        cmocka_unit_test(several_runs_tell_their_spread),    cmocka_unit_test(points_of_student),
        cmocka_unit_test(short_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
