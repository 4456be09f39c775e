/* A build without node or npm: the page says what is missing, in one line. */
#include "unit.h"

#include "export/html_page.h"

#include <string.h>

static void says_what_is_missing(void **state)
{
    (void)state;
    static const struct profile profile;
    static const struct kei_export_options options;
    struct export_input input = {.profile = &profile, .options = &options};
    struct buf out = {0};
    struct err err = {0};
    struct sink sink = sink_to_buf(&out);
    assert_int_equal(export_html(&input, &sink, &err), ERR_NOT_SUPPORTED);
    assert_string_equal(err.text, "the page was not built: node and npm were missing at build time; install them and "
                                  "build again");
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_what_is_missing)};
    return cmocka_run_group_tests_name("page-none", tests, NULL, NULL);
}
