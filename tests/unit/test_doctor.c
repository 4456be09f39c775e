/*
 * Settings that this kernel may lack (Yama, stricter perf_event_paranoid, hidepid, seccomp, containers, quotas), on
 * trees of files as such kernels have them. Each test's name is the label of its tree.
 */
#include "unit.h"

#include "capture/doctor.h"
#include "capture/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SELF = 10, TARGET = 4127 };

struct tree {
    char root[256];
};

static void put(const struct tree *tree, const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", tree->root, path);
    for (char *at = whole + strlen(tree->root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_process(const struct tree *tree, int pid, unsigned uid, const char *capabilities, int seccomp,
                        const char *cores)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    snprintf(text, sizeof text,
             "Name:\tpython3\nUid:\t%u\t%u\t%u\t%u\nCapEff:\t%s\nSeccomp:\t%d\nCpus_allowed:\tff\n"
             "Cpus_allowed_list:\t%s\n",
             uid, uid, uid, uid, capabilities, seccomp, cores);
    put(tree, path, text);
}

/* A machine where everything is permitted to user 1000, whose process TARGET is. */
static void plain(struct tree *tree)
{
    snprintf(tree->root, sizeof tree->root, "/tmp/keisoku-doctor.XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    put(tree, "/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
    put(tree, "/proc/sys/kernel/perf_event_paranoid", "1\n");
    put(tree, "/proc/mounts", "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n");
    put_process(tree, SELF, 1000, "0000000000000000", 0, "0-7");
    put_process(tree, TARGET, 1000, "0000000000000000", 0, "0-7");
}

static void drop(const struct tree *tree)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", tree->root);
    assert_int_equal(system(command), 0);
}

static void read_tree(const struct tree *tree, struct doctor_facts *facts)
{
    doctor_read(tree->root, SELF, TARGET, facts);
}

/* Detail and remedy of a refused read contain these texts. */
static void assert_refused(const struct tree *tree, const char *detail, const char *remedy)
{
    struct doctor_facts facts;
    struct doctor_answer answer = {0};
    read_tree(tree, &facts);
    doctor_why_refused(&facts, "attach", &answer);
    if (strstr(answer.detail, detail) == NULL || strstr(answer.remedy, remedy) == NULL)
        fail_msg("got: %s | %s", answer.detail, answer.remedy);
    drop(tree);
}

static void yama_1(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/sys/kernel/yama/ptrace_scope", "1\n");
    assert_refused(&tree, "ptrace_scope is 1", "sudo sysctl kernel.yama.ptrace_scope=0");
}

static void yama_2(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/sys/kernel/yama/ptrace_scope", "2\n");
    assert_refused(&tree, "ptrace_scope is 2: only CAP_SYS_PTRACE", "sudo keisoku attach 4127");
}

static void yama_3_even_root(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/sys/kernel/yama/ptrace_scope", "3\n");
    put_process(&tree, SELF, 0, "000001ffffffffff", 0, "0-7");
    assert_refused(&tree, "ptrace_scope is 3", "restart the machine");
}

static void other_user(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put_process(&tree, TARGET, 33, "0000000000000000", 0, "0-7");
    assert_refused(&tree, "belongs to user 33, we are user 1000", "sudo keisoku attach 4127");
}

static void container_without_capability(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/.dockerenv", "");
    put_process(&tree, SELF, 0, "00000000a80425fb", 2, "0-7"); /* docker's default set */
    assert_refused(&tree, "without CAP_SYS_PTRACE", "--cap-add SYS_PTRACE");
}

static void seccomp_filter(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put_process(&tree, SELF, 1000, "0000000000000000", 2, "0-7");
    assert_refused(&tree, "seccomp filter", "seccomp=unconfined");
}

static void not_dumpable(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    assert_refused(&tree, "PR_SET_DUMPABLE", "sudo keisoku attach 4127");
}

static void hidepid(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        bool hides;
    } mounts[] = {{"rw,relatime", false},
                  {"rw,hidepid=0", false},
                  {"rw,hidepid=off", false},
                  {"rw,hidepid=2", true},
                  {"rw,hidepid=invisible,gid=4", true}};
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        struct tree tree;
        struct doctor_facts facts;
        char text[128];
        plain(&tree);
        snprintf(text, sizeof text, "sysfs /sys sysfs rw 0 0\nproc /proc proc %s 0 0\n", mounts[i].options);
        put(&tree, "/proc/mounts", text);
        read_tree(&tree, &facts);
        assert_int_equal(facts.hidepid, mounts[i].hides);
        drop(&tree);
    }
}

static void hidden_by_hidepid(void **state)
{
    (void)state;
    struct tree tree;
    char command[400];
    plain(&tree);
    put(&tree, "/proc/mounts", "proc /proc proc rw,hidepid=2 0 0\n");
    snprintf(command, sizeof command, "rm -r '%s/proc/4127'", tree.root);
    assert_int_equal(system(command), 0);
    assert_refused(&tree, "hidepid", "sudo keisoku attach 4127");
}

static void assert_clock(const struct tree *tree, bool allowed, const char *detail, const char *remedy)
{
    struct doctor_facts facts;
    struct doctor_answer answer = {0};
    read_tree(tree, &facts);
    doctor_perf_clock(&facts, allowed, &answer);
    if (strstr(answer.detail, detail) == NULL || strstr(answer.remedy, remedy) == NULL)
        fail_msg("got: %s | %s", answer.detail, answer.remedy);
    drop(tree);
}

static void paranoid_2(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/sys/kernel/perf_event_paranoid", "2\n");
    assert_clock(&tree, true, "user code only", "kernel.perf_event_paranoid=1");
}

static void paranoid_3_and_4(void **state)
{
    (void)state;
    static const char *values[] = {"3\n", "4\n"};
    for (size_t i = 0; i < 2; i++) {
        struct tree tree;
        plain(&tree);
        put(&tree, "/proc/sys/kernel/perf_event_paranoid", values[i]);
        assert_clock(&tree, false, "only CAP_PERFMON", "sudo sysctl kernel.perf_event_paranoid=2");
    }
}

static void no_perf_events(void **state)
{
    (void)state;
    struct tree tree;
    char path[512];
    plain(&tree);
    snprintf(path, sizeof path, "%s/proc/sys/kernel/perf_event_paranoid", tree.root);
    assert_int_equal(unlink(path), 0);
    assert_clock(&tree, false, "no perf events", "");
}

static void perf_everything(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    assert_clock(&tree, true, "told apart", "");
}

static void assert_cores(const char *ours, const char *theirs, bool can, const char *remedy)
{
    struct tree tree;
    struct doctor_facts facts;
    struct doctor_answer answer = {0};
    plain(&tree);
    put_process(&tree, SELF, 1000, "0", 0, ours);
    put_process(&tree, TARGET, 1000, "0", 0, theirs);
    read_tree(&tree, &facts);
    assert_int_equal(doctor_own_core(&facts, &answer), can);
    assert_string_equal(answer.remedy, remedy);
    drop(&tree);
}

static void cpusets(void **state)
{
    (void)state;
    assert_cores("4-7", "0-3", false, "taskset -c 0-3 keisoku attach 4127");
    assert_cores("0-3", "0-3", true, "");
    assert_cores("0,2", "0-3", true, "taskset -c 0-3 keisoku attach 4127");
    assert_cores("0-127", "5,90-99", true, "");
}

static void real_time(void **state)
{
    (void)state;
    struct tree tree;
    struct doctor_facts facts;
    struct doctor_answer answer = {0};
    plain(&tree);
    put(&tree, "/proc/4127/stat",
        "4127 (a ) b) S 1 4127 4127 0 -1 4194560 1 0 0 0 1 1 0 0 -51 0 1 0 5 1 1 18446744073709551615 1 1 1 0 0 0 0 0 "
        "0 "
        "0 0 0 17 0 50 1 0 0 0 0 0 0 0 0 0 0 0\n");
    read_tree(&tree, &facts);
    assert_true(facts.target.real_time);
    assert_false(doctor_own_core(&facts, &answer));
    assert_non_null(strstr(answer.remedy, "chrt"));
    drop(&tree);
}

/* Files that no kernel writes must not crash the parsers. */
static void nonsense(void **state)
{
    (void)state;
    struct tree tree;
    struct doctor_facts facts;
    struct doctor_answer answer = {0};
    plain(&tree);
    put(&tree, "/proc/10/status", "Uid:\nCapEff:\nSeccomp:\nCpus_allowed_list:\n");
    put(&tree, "/proc/4127/status", "");
    put(&tree, "/proc/4127/stat", "4127 (");
    put(&tree, "/proc/sys/kernel/yama/ptrace_scope", "many\n");
    put(&tree, "/proc/sys/kernel/perf_event_paranoid", "99999999999999999999\n");
    put(&tree, "/proc/sys/kernel/osrelease", "none\n");
    put(&tree, "/proc/mounts", "\n\nproc");
    read_tree(&tree, &facts);
    assert_int_equal(facts.ptrace_scope, -1);
    assert_int_equal(facts.kernel_major, 0);
    doctor_own_core(&facts, &answer);
    doctor_why_refused(&facts, "dump", &answer);
    doctor_perf_clock(&facts, false, &answer);
    assert_int_equal(doctor_cores_shared("1-", "1-99999999999", NULL), 0);
    assert_int_equal(doctor_cores_shared("3-1,x", "-", NULL), 0);
    drop(&tree);
}

static void gone(void **state)
{
    (void)state;
    struct kei_check checks[32];
    struct err err = {0};
    assert_int_equal(doctor_check(2147483646, checks, 32, &err), ERR_GONE);
    assert_non_null(strstr(err.text, "2147483646"));
    assert_int_equal(doctor_refusal(2147483646, "attach", &err), ERR_GONE);
}

static void of_this_machine(void **state)
{
    (void)state;
    struct kei_check checks[32];
    struct err err = {0};
    int count = doctor_check(getpid(), checks, 32, &err);
    assert_true(count >= 5);
    for (int i = 0; i < count; i++) {
        assert_true(checks[i].name[0] != '\0' && checks[i].detail[0] != '\0');
        assert_non_null(checks[i].remedy);
    }
    assert_int_equal(doctor_check(getpid(), checks, 2, &err), 2);
}

static void assert_quota(const struct tree *tree, double cores)
{
    assert_float_equal(quota_cores(tree->root, TARGET), cores, 1e-9);
    drop(tree);
}

static void quota_of_the_groups_above(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/4127/cgroup", "0::/a.slice/b.service/c\n");
    put(&tree, "/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
    put(&tree, "/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n");
    put(&tree, "/sys/fs/cgroup/a.slice/b.service/c/cpu.max", "400000 100000\n");
    put(&tree, "/sys/fs/cgroup/a.slice/b.service/d/cpu.max", "10000 100000\n"); /* a neighbour's */
    assert_quota(&tree, 1.5);
}

static void quota_of_its_own_group(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/4127/cgroup", "0::/a.slice/b.service\n");
    put(&tree, "/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
    put(&tree, "/sys/fs/cgroup/a.slice/b.service/cpu.max", "25000 50000\n");
    assert_quota(&tree, 0.5);
}

static void quota_of_version_1(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    put(&tree, "/proc/4127/cgroup",
        "5:cpuset:/other\n4:cpu,cpuacct:/docker/0f3a\n3:memory:/none\n1:name=systemd:/x\n0::/x\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/0f3a/cpu.cfs_quota_us", "-1\n"); /* none */
    put(&tree, "/sys/fs/cgroup/cpu/docker/0f3a/cpu.cfs_period_us", "100000\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "250000\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    put(&tree, "/sys/fs/cgroup/cpu/other/cpu.cfs_quota_us", "1000\n"); /* another tree's name */
    put(&tree, "/sys/fs/cgroup/cpu/other/cpu.cfs_period_us", "100000\n");
    assert_quota(&tree, 2.5);
}

static void throttled_by_the_groups_above(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    assert_true(quota_throttled_ns(tree.root, TARGET) < 0);
    put(&tree, "/proc/4127/cgroup", "4:cpu,cpuacct:/docker/0f3a\n0::/a/b\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/0f3a/cpu.cfs_quota_us", "-1\n"); /* none: its time is not a quota's */
    put(&tree, "/sys/fs/cgroup/cpu/docker/0f3a/cpu.stat", "nr_throttled 9\nthrottled_time 90000000\n");
    assert_true(quota_throttled_ns(tree.root, TARGET) < 0);
    put(&tree, "/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "30000\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    put(&tree, "/sys/fs/cgroup/cpu/docker/cpu.stat", "nr_periods 10\nnr_throttled 8\nthrottled_time 5000000\n");
    assert_int_equal(quota_throttled_ns(tree.root, TARGET), 5000000);
    put(&tree, "/sys/fs/cgroup/a/cpu.max", "50000 100000\n");
    put(&tree, "/sys/fs/cgroup/a/cpu.stat", "usage_usec 77\nnr_throttled 3\nthrottled_usec 7000\n");
    assert_int_equal(quota_throttled_ns(tree.root, TARGET), 7000000);
    put(&tree, "/sys/fs/cgroup/a/cpu.stat", "throttled_usec 9223372036854775807\nnonsense\n");
    assert_int_equal(quota_throttled_ns(tree.root, TARGET), 5000000);
    put(&tree, "/sys/fs/cgroup/a/cpu.stat", "throttled_usec -9223372036854775807\n");
    assert_int_equal(quota_throttled_ns(tree.root, TARGET), 5000000);
    drop(&tree);
}

static void quota_seen_from_inside(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree); /* the path is the host's, the mount begins at the container's own group */
    put(&tree, "/proc/4127/cgroup", "2:cpuacct,cpu:/docker/0f3a\n0::/../../else\n");
    put(&tree, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
    put(&tree, "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put(&tree, "/sys/fs/cgroup/unified/cpu.max", "200000 100000\n");
    put(&tree, "/sys/fs/else/cpu.max", "1000 100000\n");
    assert_quota(&tree, 2);
}

static void no_quota(void **state)
{
    (void)state;
    struct tree tree;
    plain(&tree);
    assert_float_equal(quota_cores(tree.root, TARGET), 0, 0); /* no groups at all */
    put(&tree, "/proc/4127/cgroup", "nonsense\n0:\n0::/a\n");
    put(&tree, "/sys/fs/cgroup/a/cpu.max", "-5 0 nan\n");
    put(&tree, "/sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_quota(&tree, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yama_1),
        cmocka_unit_test(yama_2),
        cmocka_unit_test(yama_3_even_root),
        cmocka_unit_test(other_user),
        cmocka_unit_test(container_without_capability),
        cmocka_unit_test(seccomp_filter),
        cmocka_unit_test(not_dumpable),
        cmocka_unit_test(hidepid),
        cmocka_unit_test(hidden_by_hidepid),
        cmocka_unit_test(paranoid_2),
        cmocka_unit_test(paranoid_3_and_4),
        cmocka_unit_test(no_perf_events),
        cmocka_unit_test(perf_everything),
        cmocka_unit_test(cpusets),
        cmocka_unit_test(real_time),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(gone),
        cmocka_unit_test(of_this_machine),
        cmocka_unit_test(quota_of_the_groups_above),
        cmocka_unit_test(quota_of_its_own_group),
        cmocka_unit_test(quota_of_version_1),
        cmocka_unit_test(throttled_by_the_groups_above),
        cmocka_unit_test(quota_seen_from_inside),
        cmocka_unit_test(no_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
