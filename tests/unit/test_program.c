/* What the user typed becomes a program: every form of interface.md, and every way in which it cannot be run. */
#include "failing.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "capture/launch.h"
#include "capture/program.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/keisoku-program.XXXXXX";

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

/* bin/ is all of PATH: a python3, a tool and a tool that names a missing interpreter. */
static int set_up(void **state)
{
    (void)state;
    char path[512];
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    mkdir("bin", 0700);
    mkdir("env", 0700);
    mkdir("env/bin", 0700);
    mkdir("package", 0700);
    mkdir("empty", 0700);
    put("bin/python3", "#!/bin/sh\n", 0755);
    put("bin/tool", "#!/bin/sh\n", 0755);
    put("bin/broken", "#!/nowhere/interpreter -x\n", 0755);
    put("bin/plain", "echo hello\n", 0755);
    put("env/bin/python", "#!/bin/sh\n", 0755);
    put("package/__main__.py", "", 0644);
    put("orders.py", "print()\n", 0644);
    put("direct.py", "#!/bin/sh\n", 0755);
    put("unexecutable", "#!/bin/sh\n", 0644);
    put("app.pyz", "#!/usr/bin/env python3\nPK\3\4", 0755);
    put("archive", "PK\3\4rest", 0644);
    put("my tool;\x1b[31m.py", "", 0644);
    snprintf(path, sizeof path, "%s/bin", folder);
    unsetenv("VIRTUAL_ENV");
    return setenv("PATH", path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "/bin/rm -rf '%s'", folder);
    return system(command);
}

#define WORDS(...) ((char *const[]){__VA_ARGS__, NULL})

/* argv joined by spaces, with the folder's name taken out. */
static void assert_runs(char *const words[], const char *expected, const char *name)
{
    struct program program;
    struct err err = {0};
    char joined[1024] = "";
    if (program_resolve(words, &program, &err) != 0)
        fail_msg("%s: %s", words[0], err.text);
    for (size_t i = 0; program.argv[i] != NULL; i++) {
        const char *word = program.argv[i];
        if (strncmp(word, folder, strlen(folder)) == 0)
            word += strlen(folder) + 1;
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s", i == 0 ? "" : " ", word);
    }
    assert_string_equal(joined, expected);
    assert_string_equal(program.name, name);
    assert_non_null(strchr(program.executable, '/'));
    program_release(&program);
}

static void assert_fails(char *const words[], int code, const char *text)
{
    struct program program;
    struct err err = {0};
    assert_int_equal(program_resolve(words, &program, &err), code);
    if (strstr(err.text, text) == NULL || strchr(err.text, '\n') != NULL)
        fail_msg("got: %s", err.text);
    assert_null(program.argv);
}

static void scripts(void **state)
{
    (void)state;
    assert_runs(WORDS("orders.py", "--size", "10"), "bin/python3 orders.py --size 10", "orders");
    assert_runs(WORDS("./orders.py"), "bin/python3 ./orders.py", "orders");
    assert_runs(WORDS("direct.py"), "bin/python3 direct.py", "direct");
    assert_runs(WORDS("./direct.py", "a b"), "./direct.py a b", "direct");
    assert_runs(WORDS("package"), "bin/python3 package", "package");
    assert_runs(WORDS("package/"), "bin/python3 package/", "package");
    assert_runs(WORDS("archive"), "bin/python3 archive", "archive");
    assert_runs(WORDS("app.pyz"), "bin/python3 app.pyz", "app");
    assert_runs(WORDS("./app.pyz"), "./app.pyz", "app");
}

static void words_of_python(void **state)
{
    (void)state;
    assert_runs(WORDS("-m", "json.tool", "-h"), "bin/python3 -m json.tool -h", "tool");
    assert_runs(WORDS("-m", "pytest"), "bin/python3 -m pytest", "pytest");
    assert_runs(WORDS("-c", "print(1)"), "bin/python3 -c print(1)", "c");
    assert_runs(WORDS("-c", ""), "bin/python3 -c ", "c");
    assert_runs(WORDS("-", "x"), "bin/python3 - x", "stdin");
    /* The interpreter is named by the user: what it runs gives the name all the same. */
    assert_runs(WORDS("python3", "-O", "orders.py", "-c"), "python3 -O orders.py -c", "orders");
    assert_runs(WORDS("python3", "-X", "dev", "-W", "ignore", "-m", "json.tool"),
                "python3 -X dev -W ignore -m json.tool", "tool");
    assert_runs(WORDS("bin/python3", "-c", "print(1)"), "bin/python3 -c print(1)", "c");
    assert_runs(WORDS("python3", "-"), "python3 -", "stdin");
    assert_runs(WORDS("python3"), "python3", "python3");
    assert_fails(WORDS("-m"), ERR_BAD_INPUT, "name of a module");
    assert_fails(WORDS("-c"), ERR_BAD_INPUT, "Python code");
    assert_fails(WORDS("-O", "x.py"), ERR_BAD_INPUT, "dash");
    assert_fails(WORDS(""), ERR_BAD_INPUT, "nothing to run");
}

static void executables(void **state)
{
    (void)state;
    char *absolute;
    assert_true(asprintf(&absolute, "%s/bin/tool", folder) > 0);
    assert_runs(WORDS("tool", "-x"), "tool -x", "tool");
    assert_runs(WORDS(absolute), "bin/tool", "tool");
    assert_runs(WORDS("bin/tool"), "bin/tool", "tool");
    assert_runs(WORDS("plain", "y"), "/bin/sh bin/plain y", "plain");
    free(absolute);
}

static void environments(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/env", folder);
    setenv("VIRTUAL_ENV", path, 1);
    assert_runs(WORDS("orders.py"), "env/bin/python orders.py", "orders");
    setenv("VIRTUAL_ENV", "/nowhere", 1);
    assert_runs(WORDS("orders.py"), "bin/python3 orders.py", "orders");
    unsetenv("VIRTUAL_ENV");
    setenv("PATH", "/nowhere", 1);
    assert_fails(WORDS("orders.py"), ERR_NOT_FOUND, "no python3");
    snprintf(path, sizeof path, "%s/bin", folder);
    setenv("PATH", path, 1);
}

static void failures(void **state)
{
    (void)state;
    assert_fails(WORDS("orders.p"), ERR_NOT_FOUND, "did you mean orders.py?");
    assert_fails(WORDS("order.py"), ERR_NOT_FOUND, "did you mean orders.py?");
    assert_fails(WORDS("./ordres.py"), ERR_NOT_FOUND, "did you mean ./orders.py?");
    assert_fails(WORDS("nothing-like-it"), ERR_NOT_FOUND, "no such program");
    assert_fails(WORDS("no/such/path"), ERR_NOT_FOUND, "check the path");
    assert_fails(WORDS("./unexecutable"), ERR_NOT_EXECUTABLE, "chmod +x");
    assert_fails(WORDS("unexecutable"), ERR_NOT_EXECUTABLE, "chmod +x");
    assert_fails(WORDS("empty"), ERR_NOT_EXECUTABLE, "directory");
    assert_fails(WORDS("./empty"), ERR_NOT_EXECUTABLE, "directory");
    assert_fails(WORDS("broken"), ERR_NOT_FOUND, "/nowhere/interpreter");
    assert_fails(WORDS("\x1b[2Jx"), ERR_NOT_FOUND, "\\x1b[2Jx");
}

static void names_are_safe(void **state)
{
    (void)state;
    assert_runs(WORDS("my tool;\x1b[31m.py"), "bin/python3 my tool;\x1b[31m.py", "my_tool;_[31m");
}

static void nearest(void **state)
{
    (void)state;
    static const char *words[] = {"rate", "reader", "redact-args", "output"};
    assert_string_equal(nearest_word("rat", words, 4), "rate");
    assert_string_equal(nearest_word("raet", words, 4), "rate");
    assert_string_equal(nearest_word("redactargs", words, 4), "redact-args");
    assert_null(nearest_word("color", words, 4));
    assert_null(nearest_word("x", words, 0));
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("ab", "ba"), 1);
}

static int resolve_all(void *context)
{
    (void)context;
    char *const forms[][4] = {{"orders.py", "a", NULL}, {"-m", "pytest", NULL}, {"tool", NULL}, {"plain", "x", NULL}};
    for (size_t i = 0; i < 4; i++) {
        struct program program;
        struct err err;
        int rc = program_resolve(forms[i], &program, &err);
        if (rc != 0)
            return rc;
        program_release(&program);
    }
    return 0;
}

static void memory_runs_short(void **state)
{
    (void)state;
    assert_true(failing_each(resolve_all, NULL, false) > 8);
}

static unsigned signals_before_forks;
static volatile uint64_t handled_ns;

static void handle(int number)
{
    (void)number;
    handled_ns = clock_monotonic_ns();
}

static void before_fork(void)
{
    if (signals_before_forks > 0) {
        signals_before_forks--;
        kill(getpid(), SIGUSR1);
    }
}

/* Between the reading of the clock and the fork: the child has not got it, so it must be older than the child. */
static void a_signal_just_before_the_fork(void **state)
{
    (void)state;
    char *argv[] = {"bin/tool", NULL};
    struct program program;
    struct err err = {0};
    struct launch launch;
    const struct rlimit descriptors = {RLIM_INFINITY, RLIM_INFINITY};
    struct sigaction action = {.sa_handler = handle}, old;
    int status;
    assert_int_equal(program_resolve(argv, &program, &err), 0);
    sigaction(SIGUSR1, &action, &old);
    assert_int_equal(pthread_atfork(before_fork, NULL, NULL), 0);
    for (unsigned times = 1; times <= 2; times++) {
        handled_ns = 0;
        signals_before_forks = times;
        assert_int_equal(launch_prepare(&program, &descriptors, &launch, &err), 0);
        assert_int_not_equal(handled_ns, 0);
        assert_true(handled_ns < launch.born_ns && !launch.disturbed);
        assert_int_equal(launch_release(&launch, &program, &err), 0);
        assert_int_equal(waitpid(launch.pid, &status, 0), launch.pid);
        assert_int_equal(status, 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* those before are gone */
    }
    signals_before_forks = 1000; /* it comes to an end nevertheless */
    assert_int_equal(launch_prepare(&program, &descriptors, &launch, &err), 0);
    assert_true(launch.disturbed && signals_before_forks > 900);
    launch_cancel(&launch);
    signals_before_forks = 0;
    sigaction(SIGUSR1, &old, NULL);
    program_release(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts),
        cmocka_unit_test(words_of_python),
        cmocka_unit_test(executables),
        cmocka_unit_test(environments),
        cmocka_unit_test(failures),
        cmocka_unit_test(names_are_safe),
        cmocka_unit_test(nearest),
        cmocka_unit_test(memory_runs_short),
        cmocka_unit_test(a_signal_just_before_the_fork),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
