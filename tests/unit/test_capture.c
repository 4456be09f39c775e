/* lib/capture: wait states, the sample queue, interned stacks, tracked threads and their instruction pointers, proof.
 */
#include "capture/counters.h"
#include "capture/kernel_noise.h"
#include "capture/perf_clock.h"
#include "capture/proc_events.h"
#include "capture/program.h"
#include "capture/proof.h"
#include "capture/sample_queue.h"
#include "capture/schedule.h"
#include "capture/stack_store.h"
#include "capture/target/core_word.h"
#include "capture/wait_state.h"

#include "base/clock.h"
#include "data/profile.h"

#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static enum state state_of(int64_t number, uint64_t arg0, uint64_t arg1, uint64_t gil)
{
    struct proc_syscall call = {.number = number, .args = {arg0, arg1}};
    return wait_state('S', &call, gil, 512);
}

static void test_wait_states(void **unused)
{
    (void)unused;
    assert_int_equal(state_of(SYS_futex, 0x5000, 0, 0), STATE_LOCK);
    assert_int_equal(state_of(SYS_futex, 0x5010, 0, 0x5000), STATE_GIL_WAIT);
    assert_int_equal(state_of(SYS_futex, 0x4fff, 0, 0x5000), STATE_LOCK);
    assert_int_equal(state_of(SYS_futex, 0x5000 + 512, 0, 0x5000), STATE_LOCK);
    assert_int_equal(state_of(SYS_clock_nanosleep, 0, 0, 0), STATE_SLEEP);
    assert_int_equal(state_of(SYS_pselect6, 0, 0, 0), STATE_SLEEP); /* no descriptors */
    assert_int_equal(state_of(SYS_pselect6, 3, 0, 0), STATE_IO);
    assert_int_equal(state_of(SYS_ppoll, 0x7000, 0, 0), STATE_SLEEP);
    assert_int_equal(state_of(SYS_ppoll, 0x7000, 2, 0), STATE_IO);
    assert_int_equal(state_of(SYS_read, 3, 0, 0), STATE_IO);
    assert_int_equal(state_of(SYS_wait4, 0, 0, 0), STATE_IO);
    assert_int_equal(state_of(SYS_vfork, 0, 0, 0), STATE_IO); /* for the child to start its program */
    assert_int_equal(state_of(SYS_getpid, 0, 0, 0), STATE_UNKNOWN);
    assert_int_equal(state_of(-1, 0, 0, 0), STATE_IO); /* a page fault */
    struct proc_syscall stopped = {.number = SYS_read};
    assert_int_equal(wait_state('T', &stopped, 0, 0), STATE_UNKNOWN);
    struct proc_syscall deep = {.number = SYS_getpid};
    assert_int_equal(wait_state('D', &deep, 0, 0), STATE_IO);
    assert_string_equal(wait_call_name(SYS_futex), "futex");
    assert_string_equal(wait_call_name(123456), "");
}

static struct wait_for wait_of(int64_t number, uint64_t arg0)
{
    struct proc_syscall call = {.number = number, .args = {arg0}};
    return wait_for(&call);
}

static enum wait_what of_descriptor(int fd)
{
    return wait_what(getpid(), (struct wait_for){WAIT_FOR_FD, (uint64_t)fd});
}

static void test_what_a_wait_is_for(void **unused)
{
    (void)unused;
    assert_int_equal(wait_of(SYS_recvfrom, 3).what, WAIT_FOR_NETWORK);
    assert_int_equal(wait_of(SYS_wait4, 0).what, WAIT_FOR_SUBPROCESS);
    assert_int_equal(wait_of(SYS_fsync, 3).what, WAIT_FOR_DISK);
    assert_int_equal(wait_of(-1, 0).what, WAIT_FOR_DISK);
    assert_int_equal(wait_of(SYS_epoll_pwait, 3).what, WAIT_FOR_NONE);
    assert_int_equal(wait_of(SYS_futex, 3).what, WAIT_FOR_NONE);
    assert_int_equal(wait_of(SYS_getpid, 3).what, WAIT_FOR_NONE);
    assert_true(wait_of(SYS_read, 7).what == WAIT_FOR_FD && wait_of(SYS_read, 7).at == 7);
    assert_true(wait_of(SYS_pselect6, 8).what == WAIT_FOR_FD && wait_of(SYS_pselect6, 8).at == 7);
    int pair[2], ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    FILE *file = tmpfile();
    assert_true(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && null >= 0 && file != NULL);
    assert_int_equal(of_descriptor(ends[0]), WAIT_FOR_PIPE);
    assert_int_equal(of_descriptor(pair[1]), WAIT_FOR_NETWORK);
    assert_int_equal(of_descriptor(fileno(file)), WAIT_FOR_DISK);
    assert_int_equal(of_descriptor(null), WAIT_FOR_NONE);
    struct pollfd polled = {.fd = ends[0], .events = POLLIN}, nothing = {.fd = -1};
    struct wait_for poll = wait_polled(getpid(), (struct wait_for){WAIT_FOR_POLL, (uint64_t)(uintptr_t)&polled});
    assert_true(poll.what == WAIT_FOR_FD && poll.at == (uint64_t)ends[0]);
    poll = wait_polled(getpid(), (struct wait_for){WAIT_FOR_POLL, (uint64_t)(uintptr_t)&nothing});
    assert_int_equal(poll.what, WAIT_FOR_NONE);
    poll = wait_polled(getpid(), (struct wait_for){WAIT_FOR_POLL, 0x1000}); /* nothing is there */
    assert_int_equal(poll.what, WAIT_FOR_NONE);
    close(ends[0]);
    assert_int_equal(of_descriptor(ends[0]), WAIT_FOR_NONE);
    assert_int_equal(wait_what(getpid(), (struct wait_for){WAIT_FOR_FD, UINT64_MAX}), WAIT_FOR_NONE);
    assert_string_equal(wait_what_name(WAIT_FOR_PIPE), "pipe");
    assert_null(wait_what_name(WAIT_FOR_NONE));
    assert_null(wait_what_name(WAIT_FOR_SELECT));
    close(ends[1]);
    close(pair[0]);
    close(pair[1]);
    close(null);
    fclose(file);
}

static void test_queue_keeps_order_and_refuses_when_full(void **unused)
{
    (void)unused;
    struct sample_queue queue = {.records = test_malloc(SAMPLE_QUEUE_RECORDS * sizeof(struct raw_sample))};
    struct raw_sample sample = {0};
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < SAMPLE_QUEUE_RECORDS; i++) {
            sample.node = i + round;
            assert_true(sample_queue_push(&queue, &sample));
        }
        assert_false(sample_queue_push(&queue, &sample));
        for (uint32_t i = 0; i < SAMPLE_QUEUE_RECORDS; i++) {
            assert_int_equal(sample_queue_peek(&queue)->node, i + round);
            sample_queue_pop(&queue);
        }
        assert_null(sample_queue_peek(&queue));
    }
    test_free(queue.records);
}

static void test_stacks_are_interned(void **unused)
{
    (void)unused;
    static struct stack_store store;
    assert_int_equal(stack_store_init(&store), 0);
    struct tracked_process *one = (void *)&store, *two = (void *)&one; /* only told apart, never looked into */
    bool fresh;
    uint32_t replaced;
    uint32_t main_code = stack_store_add_code(&store, one, 0x1000, 7, &fresh, &replaced);
    assert_true(fresh && replaced == 0 && main_code != 0);
    assert_int_equal(stack_store_add_code(&store, one, 0x1000, 7, &fresh, &replaced), main_code);
    assert_false(fresh);
    assert_int_not_equal(stack_store_add_code(&store, two, 0x1000, 7, &fresh, &replaced), main_code);
    assert_int_equal(replaced, 0);
    /* the address is reused by another code object, and later by the first again */
    uint32_t other = stack_store_add_code(&store, one, 0x1000, 8, &fresh, &replaced);
    assert_true(fresh && replaced == main_code && other != main_code);
    assert_int_equal(stack_store_add_code(&store, one, 0x1000, 7, &fresh, &replaced), main_code);
    assert_true(!fresh && replaced == other);
    assert_int_equal(stack_store_latest_code(&store, one, 0x1000), main_code);
    assert_int_equal(stack_store_latest_code(&store, one, 0x2000), 0);

    uint32_t outer = stack_store_add_node(&store, 0, main_code, 4);
    uint32_t inner = stack_store_add_node(&store, outer, other, 8);
    assert_int_equal(stack_store_add_node(&store, outer, other, 8), inner);
    assert_int_not_equal(stack_store_add_node(&store, outer, other, 10), inner);
    uint32_t beside = stack_store_find_node(&store, outer, other, 10);
    for (int i = 0; i < 2; i++) { /* whichever was asked for last */
        assert_int_equal(stack_store_find_node(&store, outer, other, 8), inner);
        assert_int_equal(stack_store_add_node(&store, outer, other, 10), beside);
        assert_int_equal(stack_store_find_node(&store, outer, main_code, 8), 0);
        assert_int_equal(stack_store_find_node(&store, outer, other, 12), 0);
        assert_int_equal(stack_store_find_node(&store, inner, other, 10), 0);
    }
    assert_int_equal(stack_store_node(&store, inner)->parent, outer);
    assert_int_equal(stack_store_node(&store, inner)->depth, 2);
    for (uint32_t i = 0; i < 3 * 5000; i++) /* chunks never move */
        assert_int_not_equal(stack_store_add_node(&store, inner, main_code, (int32_t)i), 0);
    assert_int_equal(stack_store_node(&store, inner)->code, other);
    stack_store_release(&store);
}

static void test_a_store_is_filled_in_turns(void **unused)
{
    (void)unused;
    static struct stack_store store;
    assert_int_equal(stack_store_init(&store), 0);
    struct tracked_process *process = (void *)&store;
    bool fresh;
    uint32_t replaced;
    uint32_t code = stack_store_add_code(&store, process, 0x1000, 7, &fresh, &replaced);
    uint32_t node = stack_store_add_node(&store, 0, code, 4);
    assert_true(stack_store_is_current(&store, node) && stack_store_is_current(&store, 0));
    assert_true(stack_store_filled(&store)->bytes > 0);
    atomic_store(&store.turn, STORE_TURNS);
    stack_store_turn(&store);
    /* nothing is found there, and what is made there is told apart from what was made before, which is still there */
    assert_false(stack_store_is_current(&store, node));
    assert_int_equal(stack_store_filled(&store)->bytes, 0);
    assert_int_equal(stack_store_latest_code(&store, process, 0x1000), 0);
    assert_int_equal(stack_store_code_before(&store, process, 0x1000), code);
    uint32_t again = stack_store_add_code(&store, process, 0x1000, 8, &fresh, &replaced);
    uint32_t other = stack_store_add_node(&store, 0, again, 6);
    assert_true(fresh && again != code && other != node && stack_store_is_current(&store, other));
    assert_int_equal(stack_store_node(&store, node)->offset, 4);
    assert_int_equal(stack_store_node(&store, other)->offset, 6);
    assert_int_equal(stack_store_code(&store, code)->checksum, 7);
    assert_int_equal(stack_store_code(&store, again)->checksum, 8);
    atomic_store(&store.turn, STORE_TURNED);
    assert_int_equal(stack_store_code_before(&store, process, 0x1000), 0); /* the writer may be emptying it */
    stack_store_empty_other(&store);
    stack_store_turn(&store);
    assert_int_equal(stack_store_find_node(&store, 0, code, 4), 0);
    assert_int_equal(stack_store_add_code(&store, process, 0x1000, 7, &fresh, &replaced), code); /* given out again */
    assert_true(fresh);
    stack_store_release(&store);
}

/* Young processes are looked into again and again: the last look often comes when they have just ended. */
static void test_a_look_after_the_end_takes_nothing_back(void **unused)
{
    (void)unused;
    static struct tracked_process process;
    process.exec_ns = 1000;
    uint64_t brief = 1000 + PYTHON_STARTS_NS, later = brief + 1;
    assert_false(track_may_have_been_python(&process, brief));
    assert_true(track_may_have_been_python(&process, later)); /* never seen */
    track_looked_into(&process, ERR_GONE, false);
    assert_true(track_may_have_been_python(&process, later));
    track_looked_into(&process, ERR_NOT_PYTHON, true); /* its loader was at work */
    track_looked_into(&process, ERR_GONE, false);
    assert_true(track_may_have_been_python(&process, later));
    track_looked_into(&process, ERR_NOT_PYTHON, false);
    assert_false(track_may_have_been_python(&process, later));
    track_looked_into(&process, ERR_GONE, false);
    assert_false(track_may_have_been_python(&process, later));
    track_looked_into(&process, ERR_VERSION, false); /* one is there now */
    assert_true(track_may_have_been_python(&process, later));
    process.exec_ns = 0; /* a fork of what does not run Python */
    assert_false(track_may_have_been_python(&process, later));
    process.parent_python = true;
    assert_true(track_may_have_been_python(&process, later));
}

static void test_nearest_instruction_pointer(void **unused)
{
    (void)unused;
    static struct track track;
    struct tracked_thread thread = {0};
    struct ip_point found;
    assert_int_equal(track_init(&track), 0);
    assert_false(track_nearest_ip(&track, &thread, 100, 1000, &found));
    static const uint64_t times[] = {100, 300, 200, 400}; /* rings of two cores, drained one after the other */
    for (size_t i = 0; i < 4; i++)
        track_add_ip(&track, &thread, &(struct ip_point){.time_ns = times[i], .ip = times[i]});
    assert_true(track_nearest_ip(&track, &thread, 210, 1000, &found) && found.ip == 200);
    assert_true(track_nearest_ip(&track, &thread, 290, 1000, &found) && found.ip == 300);
    assert_true(track_nearest_ip(&track, &thread, 5, 1000, &found) && found.ip == 100);
    assert_true(track_nearest_ip(&track, &thread, 900, 1000, &found) && found.ip == 400);
    assert_false(track_nearest_ip(&track, &thread, 900, 100, &found));
    for (uint64_t i = 0; i < 3 * IP_POINTS; i++) /* the oldest give way */
        track_add_ip(&track, &thread, &(struct ip_point){.time_ns = 1000 + i * 10, .ip = i});
    assert_true(track_nearest_ip(&track, &thread, 1000 + 700 * 10 + 4, 10, &found) && found.ip == 700);
    assert_false(track_nearest_ip(&track, &thread, 400, 100, &found));
    free(thread.ips);
    track_release(&track);
}

struct seen {
    unsigned ips, births;
    pid_t pid;
};

static void count_record(void *context, const struct perf_record *record)
{
    struct seen *seen = context;
    if (record->kind == PERF_IP && record->pid == seen->pid)
        seen->ips++;
    if (record->kind == PERF_FORK && record->parent == seen->pid && record->pid != seen->pid)
        seen->births++;
}

/* A clock at 1 ms that follows us; where it is not permitted the test is skipped. */
static struct perf_clock *clock_of_us(void)
{
    struct perf_clock *clock = NULL;
    struct err err = {0};
    assert_int_equal(perf_clock_new(1000000, &clock, &err), 0);
    if (perf_clock_follow(clock, getpid(), &err) != 0) {
        print_message("skipped: %s\n", err.text);
        perf_clock_free(clock);
        skip();
    }
    return clock;
}

/* What it tells of 100 ms of CPU time and a child. */
static struct seen see_work(struct perf_clock *clock)
{
    struct seen seen = {.pid = getpid()};
    uint64_t until_ns = clock_process_cpu_ns() + 100000000;
    while (clock_process_cpu_ns() < until_ns)
        ;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    usleep(20000);
    perf_clock_drain(clock, count_record, &seen);
    return seen;
}

static void test_kernel_clock_sees_us(void **unused)
{
    (void)unused;
    struct perf_clock *clock = clock_of_us();
    struct seen seen = see_work(clock);
    assert_true(seen.ips > 20); /* a busy host may steal some */
    assert_int_equal(seen.births, 1);
    perf_clock_free(clock);
}

static void test_kernel_clock_rests(void **unused)
{
    (void)unused;
    struct perf_clock *clock = clock_of_us();
    perf_clock_pause(clock, true);
    perf_clock_drain(clock, count_record, &(struct seen){.pid = getpid()});
    struct seen paused = see_work(clock);
    assert_int_equal(paused.ips + paused.births, 0);
    perf_clock_give_pointers(clock, false);
    perf_clock_pause(clock, false); /* what another source has does not come back by that */
    struct seen births = see_work(clock);
    assert_int_equal(births.ips, 0);
    assert_int_equal(births.births, 1);
    perf_clock_give_pointers(clock, true);
    assert_true(see_work(clock).ips > 20);
    perf_clock_free(clock);
}

static void test_switches_told_by_the_kernel(void **unused)
{
    (void)unused;
    struct tracked_thread thread = {.switches = {3, 1}};
    assert_false(counters_take_told(&thread)); /* of a thread that was never sampled nothing is told */
    atomic_store(&thread.left[0], 5);
    atomic_store(&thread.left[1], 2);
    assert_true(counters_take_told(&thread));
    assert_true(thread.switches[0] == 5 && thread.switches[1] == 2);
    thread.switches[0] = 9; /* read since then */
    assert_false(counters_take_told(&thread));
    assert_int_equal(thread.switches[0], 9);
}

static void test_proof_of_ourselves(void **unused)
{
    (void)unused;
    struct proc_thread files;
    struct proof proof = {0};
    assert_true(proc_thread_open(&files, getpid(), gettid()));
    assert_int_equal(proof_counters(&files, &proof), LOOK_DONE);
    struct timespec nap = {0, 2000000};
    nanosleep(&nap, NULL);
    assert_int_equal(proof_end(&files, &proof), LOOK_AGAIN); /* switched in again after the nap */
    proof_begin(&files, -1, false, &proof);
    assert_true(proof.runs); /* who reads is running */
    proc_thread_close(&files);
}

static void test_counters_tell_who_is_awake(void **unused)
{
    (void)unused;
    struct proc_schedstat last = {.run_ns = 5000000, .delay_ns = 300000}, now = {.run_ns = 5960000, .delay_ns = 340000};
    assert_true(proof_awake(&last, &now, 1000000));
    assert_true(proof_awake(&last, &now, 1000000 + NAP_NS));
    assert_false(proof_awake(&last, &now, 1000001 + NAP_NS));
    assert_true(proof_awake(&last, &now, 990000)); /* our coming is not measured to the nanosecond */
    now.run_ns = last.run_ns;
    assert_false(proof_awake(&last, &now, 1000000));
}

static void test_our_own_core_word(void **unused)
{
    (void)unused;
    struct remote remote = {.pid = getpid()};
    struct proc_maps maps;
    struct err err = {0};
    int64_t offset;
    assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
    bool known = core_word_offset(&remote, &maps, &offset);
    proc_maps_release(&maps);
    if (!known) {
        print_message("skipped: the C library registers no restartable sequences here\n");
        skip();
    }
    uint64_t self = (uint64_t)pthread_self(), word = core_word_address(&remote, offset, self, gettid());
    assert_true(word != 0);
    assert_true(core_word_address(&remote, offset, self, gettid() + 1) == 0);  /* another thread's */
    assert_true(core_word_address(&remote, offset, self + 64, gettid()) == 0); /* no pthread structure */
    assert_true(core_word_address(&remote, offset, 4096, gettid()) == 0);
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    for (int core = 0; core < CPU_SETSIZE; core++) {
        int32_t there;
        if (!CPU_ISSET(core, &all) || !schedule_pin(core))
            continue;
        assert_true(remote_read(&remote, word, &there, sizeof there));
        assert_int_equal(there, core);
    }
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void test_names_of_running_programs(void **unused)
{
    (void)unused;
    static const struct {
        const char command[64];
        size_t size;
        const char *name;
    } rows[] = {
        {"/usr/bin/python3.11\0-u\0/srv/app.py\0x", 35, "app"},
        {"python\0-m\0pkg.mod\0", 18, "mod"},
        {"python3\0-c\0import this\0", 23, "c"},
        {"python3\0-um\0pkg.app\0x", 23, "app"},
        {"python3\0-Xdev\0-W\0error\0-BIc\0pass\0", 32, "c"},
        {"python3\0-mpkg.app\0", 18, "app"},
        {"python3\0--check-hash-based-pycs\0always\0x.py\0", 44, "x"},
        {"/opt/tool\0--flag\0", 17, "tool"},
        {"", 0, "program"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[PROGRAM_NAME_BYTES];
        program_name_of(rows[i].command, rows[i].size, name);
        assert_string_equal(name, rows[i].name);
    }
}

/* A death read before the birth comes behind it; what is too young waits. */
static void test_tasks_come_in_order(void **unused)
{
    (void)unused;
    struct task_log log = {0};
    const struct task_record records[] = {
        {.kind = TASK_EXIT, .pid = 7, .time_ns = 20},
        {.kind = TASK_EXEC, .pid = 7, .time_ns = 15},
        {.kind = TASK_FORK, .pid = 8, .time_ns = 30},
        {.kind = TASK_FORK, .pid = 7, .time_ns = 15},
    };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(task_log_add(&log, &records[i]), 0);
    assert_int_equal(task_log_ready(&log, 30), 3);
    assert_int_equal(log.records[0].kind, TASK_FORK);
    assert_int_equal(log.records[1].kind, TASK_EXEC);
    assert_int_equal(log.records[2].kind, TASK_EXIT);
    task_log_drop(&log, 3);
    assert_int_equal(task_log_ready(&log, 30), 0);
    assert_int_equal(task_log_ready(&log, 31), 1);
    assert_int_equal(log.records[0].pid, 8);
    task_log_release(&log);
}

static void test_connector_events_are_decoded(void **unused)
{
    (void)unused;
    const struct nlmsghdr header = {.nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}};
    char data[sizeof header + sizeof message + sizeof(struct proc_event)];
    struct proc_event event = {.timestamp_ns = 5};
    struct task_record record;
    event.what = PROC_EVENT_EXIT;
    event.event_data.exit.process_pid = event.event_data.exit.process_tgid = 12;
    event.event_data.exit.exit_code = 3 << 8;
    memcpy(data, &header, sizeof header);
    memcpy(data + sizeof header, &message, sizeof message);
    memcpy(data + sizeof header + sizeof message, &event, sizeof event);
    assert_true(proc_events_decode(data, sizeof data, &record));
    assert_int_equal(record.kind, TASK_EXIT);
    assert_int_equal(record.pid, 12);
    assert_int_equal(record.wait_status, 3 << 8);
    assert_int_equal(record.time_ns, 5);
    for (size_t size = 0; size < sizeof data; size++) /* cut anywhere: no byte behind the end is read */
        proc_events_decode(data, size, &record);
    message.id.idx++;
    memcpy(data + sizeof header, &message, sizeof message);
    assert_false(proc_events_decode(data, sizeof data, &record));
}

static void test_kernel_noise(void **unused)
{
    (void)unused;
    char path[] = "/tmp/kallsyms-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "0000000000000010 A fixed\nffffffff81000000 T schedule_timeout\n"
                               "ffffffff81000100 T schedule\nffffffff81000180 t finish_task_switch.isra.0\n"
                               "ffffffff81000200 T vfs_read\nbroken line\n";
    assert_true(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)sizeof text - 1);
    close(fd);
    struct kernel_noise noise;
    kernel_noise_load(&noise, path);
    unlink(path);
    assert_int_equal(noise.count, 2);
    assert_false(kernel_noise_at(&noise, 0xffffffff81000050));
    assert_true(kernel_noise_at(&noise, 0xffffffff81000100));
    assert_true(kernel_noise_at(&noise, 0xffffffff810001ff));
    assert_false(kernel_noise_at(&noise, 0xffffffff81000200));
    kernel_noise_load(&noise, "/nonexistent");
    assert_int_equal(noise.count, 0);
}

static void add_runs(struct counters *counters)
{
    int cores = (int)sysconf(_SC_NPROCESSORS_CONF);
    counters_add_run(counters, 0, 4000000, 1000000);
    counters_add_run(counters, -1, 4000000, 0);
    counters_add_run(counters, cores, 4000000, 0);
    counters_add_run(counters, COUNTER_CORES_MAX, 4000000, 0);
    counters_write_runs(counters, 20000000);
    counters_add_run(counters, 0, 2000000, 0);
    counters_write_runs(counters, 10000000);
    counters_write_runs(counters, 30000000);
}

/* What a target says of itself makes no core that is not there, and no time goes back. */
static void test_use_of_cores(void **unused)
{
    (void)unused;
    static const int64_t used[] = {4000000, 6000000}, delayed[] = {1000000, 1000000};
    struct recording_info info = {.host = "", .directory = "", .mode = "run", .evidence = "", .cores = 1};
    struct stopwatch watch;
    struct recording *recording;
    struct counters *counters;
    struct profile *profile;
    struct err err;
    char folder[] = "/tmp/counters-XXXXXX", path[64], made[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.kei", folder);
    assert_int_equal(recording_new(path, &info, &recording, &err), 0);
    snprintf(made, sizeof made, "%s", recording_path(recording));
    stopwatch_init(&watch, 0);
    assert_int_equal(counters_new(recording, &watch, &counters), 0);
    add_runs(counters);
    counters_free(counters);
    stopwatch_release(&watch);
    assert_int_equal(recording_finish(recording, 40000000, &err), 0);
    recording_free(recording);
    assert_int_equal(profile_load(made, &profile, &err), 0);
    size_t n_used = 0, n_delayed = 0;
    for (size_t i = 0; i < profile->n_counters; i++) {
        const struct counter *counter = &profile->counters[i];
        assert_true(counter->kind == COUNTER_CORE_USED || counter->kind == COUNTER_CORE_DELAY);
        assert_int_equal(counter->subject, 0);
        assert_int_equal(counter->time_ns, 20000000);
        size_t *n = counter->kind == COUNTER_CORE_USED ? &n_used : &n_delayed;
        assert_true(*n < 2);
        assert_int_equal(counter->value, counter->kind == COUNTER_CORE_USED ? used[*n] : delayed[*n]);
        ++*n;
    }
    assert_int_equal(n_used, 2);
    assert_int_equal(n_delayed, 2);
    profile_free(profile);
    unlink(made);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_states),
        cmocka_unit_test(test_what_a_wait_is_for),
        cmocka_unit_test(test_queue_keeps_order_and_refuses_when_full),
        cmocka_unit_test(test_stacks_are_interned),
        cmocka_unit_test(test_a_store_is_filled_in_turns),
        cmocka_unit_test(test_a_look_after_the_end_takes_nothing_back),
        cmocka_unit_test(test_nearest_instruction_pointer),
        cmocka_unit_test(test_kernel_clock_sees_us),
        cmocka_unit_test(test_kernel_clock_rests),
        cmocka_unit_test(test_switches_told_by_the_kernel),
        cmocka_unit_test(test_proof_of_ourselves),
        cmocka_unit_test(test_counters_tell_who_is_awake),
        cmocka_unit_test(test_our_own_core_word),
        cmocka_unit_test(test_names_of_running_programs),
        cmocka_unit_test(test_tasks_come_in_order),
        cmocka_unit_test(test_connector_events_are_decoded),
        cmocka_unit_test(test_kernel_noise),
        cmocka_unit_test(test_use_of_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
