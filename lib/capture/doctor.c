#include "capture/doctor.h"

#include "capture/cpython/python.h"
#include "capture/kernel_sampler.h"
#include "capture/proc_events.h"
#include "capture/target/proc.h"
#include "capture/target/unwind.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers of <linux/capability.h>; older headers lack the last two. */
enum { CAPABILITY_SYS_PTRACE = 19, CAPABILITY_SYS_ADMIN = 21, CAPABILITY_PERFMON = 38 };
/* The first kernel whose scheduler takes a slice per thread (EEVDF, sched_setattr). */
enum { SLICE_KERNEL_MAJOR = 6, SLICE_KERNEL_MINOR = 12 };

static bool has(const struct doctor_process *process, int capability)
{
    return (process->capabilities >> capability & 1) != 0;
}

/* ---- judgements on facts -------------------------------------------------------------------------------------------
 */

#define SAY(field, ...) snprintf((field), sizeof(field), __VA_ARGS__)

/* The command line that should be tried again with more rights. */
static const char *again(const struct doctor_facts *facts, const char *command)
{
    static _Thread_local char text[64];
    if (strcmp(command, "run") == 0)
        return "keisoku run PROGRAM";
    if (facts->pid == 0)
        SAY(text, "keisoku %.16s PID", command);
    else
        SAY(text, "keisoku %.16s %d", command, (int)facts->pid);
    return text;
}

static void why_scope(const struct doctor_facts *facts, const char *command, struct doctor_answer *answer)
{
    if (facts->ptrace_scope >= 3) {
        SAY(answer->detail, "kernel.yama.ptrace_scope is 3: nobody may read another process until the next restart");
        SAY(answer->remedy, "set kernel.yama.ptrace_scope=1 in /etc/sysctl.d and restart the machine");
    } else if (facts->ptrace_scope == 2) {
        SAY(answer->detail, "kernel.yama.ptrace_scope is 2: only CAP_SYS_PTRACE may read another process");
        SAY(answer->remedy, "sudo %s (or: sudo sysctl kernel.yama.ptrace_scope=1)", again(facts, command));
    } else {
        SAY(answer->detail, "kernel.yama.ptrace_scope is 1: only a parent may read a process");
        SAY(answer->remedy, "sudo sysctl kernel.yama.ptrace_scope=0 (or: sudo %s; or start it with keisoku run)",
            again(facts, command));
    }
}

void doctor_why_refused(const struct doctor_facts *facts, const char *command, struct doctor_answer *answer)
{
    bool capable = has(&facts->self, CAPABILITY_SYS_PTRACE);
    if (!facts->target.found) {
        SAY(answer->detail, "it belongs to another user, and %s hides such processes",
            facts->hidepid ? "/proc (mounted with hidepid)" : "the system");
        SAY(answer->remedy, "sudo %s", again(facts, command));
    } else if (facts->ptrace_scope >= 3 && capable) {
        why_scope(facts, command, answer);
    } else if (capable) {
        SAY(answer->detail, "refused although we have CAP_SYS_PTRACE: a security module, a seccomp filter or a user "
                            "namespace forbids it");
        SAY(answer->remedy, "on the host, outside the container: %s", again(facts, command));
    } else if (facts->container && facts->self.uid == 0) {
        SAY(answer->detail, "the container was started without CAP_SYS_PTRACE");
        SAY(answer->remedy, "docker run --cap-add SYS_PTRACE … (podman and compose alike: cap_add: [SYS_PTRACE])");
    } else if (facts->self.uid == 0) {
        SAY(answer->detail, "we are root without CAP_SYS_PTRACE");
        SAY(answer->remedy, "give us CAP_SYS_PTRACE (in a container: --cap-add SYS_PTRACE)");
    } else if (facts->target.uid != facts->self.uid) {
        SAY(answer->detail, "it belongs to user %u, we are user %u without CAP_SYS_PTRACE", facts->target.uid,
            facts->self.uid);
        SAY(answer->remedy, "sudo %s", again(facts, command));
    } else if (facts->ptrace_scope >= 1) {
        why_scope(facts, command, answer);
    } else if (facts->self.seccomp == 2) {
        SAY(answer->detail, "a seccomp filter around us forbids process_vm_readv");
        SAY(answer->remedy, "docker run --cap-add SYS_PTRACE … (or --security-opt seccomp=unconfined)");
    } else {
        SAY(answer->detail, "it is ours, but not readable: it is setuid, has capabilities, or called "
                            "prctl(PR_SET_DUMPABLE, 0)");
        SAY(answer->remedy, "sudo %s", again(facts, command));
    }
}

bool doctor_own_core(const struct doctor_facts *facts, struct doctor_answer *answer)
{
    unsigned others = 0, shared = doctor_cores_shared(facts->self.cores, facts->target.cores, &others);
    int pid = (int)facts->pid;
    answer->remedy[0] = '\0';
    if (facts->target.real_time) {
        SAY(answer->detail, "%d has real-time priority: it does not make room for us", pid);
        SAY(answer->remedy, "sudo chrt -f 99 keisoku attach %d", pid);
        return false;
    }
    if (shared == 0) {
        SAY(answer->detail, "%d may run on cores %.80s only, we on %.80s", pid, facts->target.cores, facts->self.cores);
        SAY(answer->remedy, "taskset -c %.200s keisoku attach %d", facts->target.cores, pid);
        return false;
    }
    if (others > 0) {
        SAY(answer->detail, "on %u of its %u cores: it may run on %.80s, we on %.80s", shared, shared + others,
            facts->target.cores, facts->self.cores);
        SAY(answer->remedy, "taskset -c %.200s keisoku attach %d", facts->target.cores, pid);
        return true;
    }
    SAY(answer->detail, "we may run on all of its cores (%.80s)", facts->target.cores);
    return true;
}

static bool has_perfmon(const struct doctor_facts *facts)
{
    return has(&facts->self, CAPABILITY_PERFMON) || has(&facts->self, CAPABILITY_SYS_ADMIN);
}

/* With the clock allowed: does it see the kernel's code too? */
static bool sees_kernel(const struct doctor_facts *facts)
{
    return has_perfmon(facts) || (facts->perf_paranoid >= 0 && facts->perf_paranoid <= 1);
}

void doctor_perf_clock(const struct doctor_facts *facts, bool allowed, struct doctor_answer *answer)
{
    bool capable = has_perfmon(facts);
    answer->remedy[0] = '\0';
    if (allowed && sees_kernel(facts)) {
        SAY(answer->detail, "user and kernel code are told apart");
    } else if (allowed) {
        SAY(answer->detail, "user code only (kernel.perf_event_paranoid is %d)", facts->perf_paranoid);
        SAY(answer->remedy, "for kernel time too: sudo sysctl kernel.perf_event_paranoid=1");
    } else if (facts->perf_paranoid > 2 && !capable) {
        SAY(answer->detail, "kernel.perf_event_paranoid is %d: only CAP_PERFMON may use it", facts->perf_paranoid);
        SAY(answer->remedy, "sudo sysctl kernel.perf_event_paranoid=2");
    } else if (facts->perf_paranoid < 0) {
        SAY(answer->detail, "this kernel has no perf events");
    } else if (facts->self.seccomp == 2) {
        SAY(answer->detail, "a seccomp filter around us forbids perf_event_open");
        SAY(answer->remedy, "docker run --cap-add PERFMON …");
    } else {
        SAY(answer->detail, "the kernel refused it (kernel.perf_event_paranoid is %d)", facts->perf_paranoid);
        SAY(answer->remedy, "sudo %s", again(facts, "attach"));
    }
}

/* ---- asking the kernel ---------------------------------------------------------------------------------------------
 */

/* A read of an address that is never mapped: EFAULT tells that a read of a real one would be permitted. */
static int try_memory(pid_t pid)
{
    char byte;
    struct remote remote = {.pid = pid};
    return remote_read(&remote, 16, &byte, 1) || errno == EFAULT ? 0 : errno;
}

/* 0, or the errno with which the kernel refuses the event. */
static int try_perf(uint32_t type, uint64_t config, pid_t pid)
{
    struct perf_event_attr attributes = {
        .type = type, .size = sizeof attributes, .config = config, .disabled = 1, .exclude_kernel = 1, .exclude_hv = 1};
    pid_t tid = pid != 0 ? proc_living_thread(pid) : 0; /* an event is of a thread */
    int fd = (int)syscall(SYS_perf_event_open, &attributes, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int doctor_has_proc(struct err *err)
{
    return access("/proc/self/stat", R_OK) == 0
               ? 0
               : err_set(err, ERR_IO,
                         "nothing can be measured: no /proc is mounted here; try: mount -t proc proc /proc");
}

/* Nobody has to be asked for rights to what has gone. */
static int is_there(pid_t pid, struct err *err)
{
    int wait_status;
    bool found = proc_start_ticks(pid, NULL) != 0; /* else gone, or hidden from us */
    if (!found && kill(pid, 0) != 0 && errno == ESRCH)
        return err_set(err, ERR_GONE, "there is no process %d; find the number with ps or pgrep", (int)pid);
    if (found && proc_ended(pid, &wait_status))
        return err_set(err, ERR_GONE,
                       "process %d has ended and waits for its parent to ask for its status: nothing of it can be "
                       "read; find the number of one that runs with ps or pgrep",
                       (int)pid);
    return 0;
}

int doctor_refusal(pid_t pid, const char *command, struct err *err)
{
    struct doctor_facts facts;
    struct doctor_answer answer;
    int rc = doctor_has_proc(err);
    if (rc == 0)
        rc = is_there(pid, err);
    if (rc == 0 && try_memory(pid) == ESRCH)
        rc = err_set(err, ERR_GONE, "process %d is ending: nothing of it can be read any more", (int)pid);
    if (rc != 0)
        return rc;
    doctor_read("", getpid(), pid, &facts);
    doctor_why_refused(&facts, command, &answer);
    return err_set(err, ERR_PERMISSION, "cannot read the memory of process %d: %s; try: %s", (int)pid, answer.detail,
                   answer.remedy);
}

/* ---- the checks ----------------------------------------------------------------------------------------------------
 */

/* The strings of the last call; they live as long as the program (keisoku.h). */
enum { ROWS_MAX = 16 };
static struct doctor_answer rows[ROWS_MAX];

struct visit {
    struct doctor_facts facts;
    struct kei_check *checks;
    size_t capacity, count;
    bool memory, own_core, slice, clock; /* what was found */
};

static void add(struct visit *visit, const char *name, const char *answer, const struct doctor_answer *text)
{
    if (visit->count >= visit->capacity || visit->count >= ROWS_MAX)
        return;
    struct doctor_answer *row = &rows[visit->count];
    *row = *text;
    visit->checks[visit->count++] = (struct kei_check){name, answer, row->detail, row->remedy};
}

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static void check_memory(struct visit *visit)
{
    struct doctor_answer text = {0};
    const struct doctor_facts *facts = &visit->facts;
    if (facts->pid == 0) {
        visit->memory = facts->ptrace_scope < 2 || has(&facts->self, CAPABILITY_SYS_PTRACE);
        if (has(&facts->self, CAPABILITY_SYS_PTRACE))
            SAY(text.detail, "of every process (CAP_SYS_PTRACE)");
        else if (facts->ptrace_scope <= 0)
            SAY(text.detail, "of your own processes; of others with sudo");
        else if (facts->ptrace_scope == 1)
            SAY(text.detail, "of what keisoku run starts (kernel.yama.ptrace_scope is 1)"),
                SAY(text.remedy, "to attach too: sudo sysctl kernel.yama.ptrace_scope=0");
        else
            why_scope(facts, "attach", &text);
        add(visit, "read memory", yes_no(visit->memory), &text);
        return;
    }
    visit->memory = try_memory(facts->pid) == 0;
    if (!visit->memory)
        doctor_why_refused(facts, "attach", &text);
    else if (has(&facts->self, CAPABILITY_SYS_PTRACE))
        SAY(text.detail, "%s", "we have CAP_SYS_PTRACE");
    else
        SAY(text.detail, "same user");
    add(visit, "read its memory", yes_no(visit->memory), &text);
}

static void check_python(struct visit *visit)
{
    struct doctor_answer text = {0};
    struct python *python = NULL;
    struct err err = {0};
    bool maybe = false;
    if (!visit->memory) {
        SAY(text.detail, "not known: its memory may not be read");
        add(visit, "Python in it", "?", &text);
        return;
    }
    int rc = python_open(visit->facts.pid, &python, &maybe, &err);
    if (rc == 0)
        SAY(text.detail, "%.32s%s", python_info(python)->version,
            python_info(python)->unknown_version ? " (newer than we know; measured with its own offset table)" : "");
    else
        SAY(text.detail, "%.300s", err.text[0] != '\0' ? err.text : err_sentence(rc));
    add(visit, "Python in it", yes_no(rc == 0), &text);
    python_close(python);
}

static void check_own_core(struct visit *visit)
{
    struct doctor_answer text = {0};
    if (visit->facts.pid == 0)
        visit->facts.target = visit->facts.self;
    visit->own_core = doctor_own_core(&visit->facts, &text);
    if (visit->facts.pid == 0)
        SAY(text.detail, "cores %.200s", visit->facts.self.cores);
    add(visit, "read from its own core", yes_no(visit->own_core), &text);
}

static void check_slice(struct visit *visit)
{
    struct doctor_answer text = {0};
    int major = visit->facts.kernel_major, minor = visit->facts.kernel_minor;
    visit->slice = major > SLICE_KERNEL_MAJOR || (major == SLICE_KERNEL_MAJOR && minor >= SLICE_KERNEL_MINOR);
    if (visit->slice)
        SAY(text.detail, "kernel %d.%d: samples are taken on time on busy cores too", major, minor);
    else
        SAY(text.detail, "needs kernel %d.%d, this is %d.%d: on busy cores some samples come late, which is counted",
            SLICE_KERNEL_MAJOR, SLICE_KERNEL_MINOR, major, minor);
    add(visit, "short scheduler slice", yes_no(visit->slice), &text);
}

static void check_clock(struct visit *visit)
{
    struct doctor_answer text = {0};
    visit->clock = try_perf(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, visit->facts.pid) == 0;
    if (!visit->clock && !visit->memory && visit->facts.perf_paranoid <= 2)
        SAY(text.detail, "needs what reading its memory needs");
    else
        doctor_perf_clock(&visit->facts, visit->clock, &text);
    add(visit, "perf clock", yes_no(visit->clock), &text);
}

/* `kernel`: its sampler can be had. */
static void check_native(struct visit *visit, bool kernel)
{
    struct doctor_answer text = {0};
    struct unwinder *unwinder = NULL;
    struct err err = {0};
    bool built = unwinder_new(&unwinder, &err) == 0;
    if (!built)
        SAY(text.detail, "%.160s", err.text);
    else if (!kernel)
        SAY(text.detail, "run --native needs the kernel sampler; dump --native shows those of threads that sleep");
    else
        SAY(text.detail, "--native: frames of C, C++ and Rust code, by unwinding tables; no frame pointers are needed");
    add(visit, "native stacks", yes_no(built && kernel), &text);
    unwinder_free(unwinder);
}

static void check_kernel(struct visit *visit)
{
    struct doctor_answer text = {0};
    struct kernel_sampler *sampler = NULL;
    struct err err = {0};
    int rc = kernel_sampler_new(false, &sampler, &err);
    if (rc == 0)
        SAY(text.detail, "--reader kernel: a sample takes an interrupt, here %.0f µs",
            kernel_sampler_interrupt_ns(sampler) / 1e3);
    else
        SAY(text.detail, "%.120s; it would take samples for a third of the cost, with their place in native code",
            err.text);
    if (rc == ERR_PERMISSION)
        SAY(text.remedy, "sudo keisoku %s",
            visit->facts.pid != 0 ? "attach --reader kernel PID" : "run --reader kernel …");
    add(visit, "kernel sampler", yes_no(rc == 0), &text);
    kernel_sampler_free(sampler);
    check_native(visit, rc == 0);
}

static void check_connector(struct visit *visit)
{
    struct doctor_answer text = {0};
    struct proc_events *events = NULL;
    int rc = proc_events_new(&events, NULL);
    if (rc == 0)
        SAY(text.detail, "exit statuses of all processes, and births that perf does not tell of");
    else if (rc == ERR_PERMISSION)
        SAY(text.detail, "not permitted; it would tell the exit statuses of processes that are waited for at once"),
            SAY(text.remedy, "CAP_NET_ADMIN (in a container: --cap-add NET_ADMIN --network host --pid host)");
    else
        SAY(text.detail, "this kernel has none, or not for this namespace; it would tell the exit statuses of "
                         "processes that are waited for at once");
    add(visit, "process connector", yes_no(rc == 0), &text);
    proc_events_free(events);
}

static void check_counters(struct visit *visit)
{
    struct doctor_answer text = {0};
    int refused = try_perf(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, visit->facts.pid);
    if (refused == 0)
        SAY(text.detail, "the machine has them; this version does not record them");
    else if (refused == EACCES || refused == EPERM)
        doctor_perf_clock(&visit->facts, false, &text);
    else
        SAY(text.detail, "not supported on this machine%s", visit->facts.pmu ? "" : " (virtual, no PMU)");
    add(visit, "hardware counters", yes_no(refused == 0), &text);
}

static void add_costs(struct visit *visit)
{
    struct doctor_answer text = {0};
    if (!visit->memory)
        SAY(text.detail, "nothing can be measured%s", visit->facts.pid != 0 ? "" : " but what root may");
    else if (!visit->own_core)
        SAY(text.detail, "stacks of running threads are read free: short functions are under-counted, and the report "
                         "says by how much");
    else if (!visit->clock)
        SAY(text.detail, "time on the CPU is one state (on-cpu): Python, native code and kernel are not told apart");
    else if (!sees_kernel(&visit->facts))
        SAY(text.detail, "time in the kernel has no state of its own: it counts as on-cpu");
    else
        SAY(text.detail, "nothing: stacks are exact and states complete");
    add(visit, "what this costs you", "", &text);
}

int doctor_check(pid_t pid, struct kei_check *checks, size_t capacity, struct err *err)
{
    struct visit visit = {.checks = checks, .capacity = capacity};
    int rc = doctor_has_proc(err);
    if (rc == 0 && pid != 0)
        rc = is_there(pid, err);
    if (rc != 0)
        return rc;
    doctor_read("", getpid(), pid, &visit.facts);
    check_memory(&visit);
    if (pid != 0)
        check_python(&visit);
    check_own_core(&visit);
    check_slice(&visit);
    check_clock(&visit);
    check_kernel(&visit);
    check_connector(&visit);
    check_counters(&visit);
    add_costs(&visit);
    return (int)visit.count;
}
