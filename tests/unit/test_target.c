/* Unit tests of lib/capture/target: remote reads, /proc and ELF files, on this very process. */
#include "base/mem.h"
#include "capture/target/elf.h"
#include "capture/target/elf_memory.h"
#include "capture/target/inner_ids.h"
#include "capture/target/proc.h"
#include "capture/target/remote.h"
#include "capture/target/symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

__attribute__((visibility("default"))) int known_symbol = 7;

static void parts_arrive_up_to_the_bad_one(void **state)
{
    (void)state;
    struct remote remote = {.pid = getpid()};
    uint64_t a = 1, b = 2, c[3] = {0};
    struct remote_part parts[] = {
        {(uintptr_t)&a, &c[0], 8}, {(uintptr_t)&b, &c[1], 8}, {0x10, &c[2], 8}, {(uintptr_t)&b, &c[2], 8}};
    assert_int_equal(remote_read_parts(&remote, parts, 2), 2);
    assert_true(c[0] == 1 && c[1] == 2);
    assert_int_equal(remote_read_parts(&remote, parts, 4), 2);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(remote_read_parts(&remote, parts + 2, 1), 0);
    assert_int_equal(remote_read_parts(&remote, parts, 0), 0);
    assert_int_equal(remote.calls, 3);
    assert_int_equal(remote.bytes, 32);
    assert_false(remote_read(&remote, UINT64_MAX - 3, c, 8));
    assert_true(remote_read_u64(&remote, (uintptr_t)&b, &a) && a == 2);
}

static void a_read_over_the_edge_fails(void **state)
{
    (void)state;
    struct remote remote = {.pid = getpid()};
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes[16];
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_NONE), 0);
    assert_true(remote_read(&remote, (uintptr_t)pages + 4080, bytes, 16));
    assert_false(remote_read(&remote, (uintptr_t)pages + 4088, bytes, 16));
    munmap(pages, 8192);
}

static void a_gone_process_says_so(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    struct remote remote = {.pid = pid};
    struct proc_thread thread;
    struct proc_maps maps;
    struct err err;
    pid_t *tids = NULL, parent;
    size_t capacity = 0;
    char text[16];
    uint64_t word;
    assert_false(remote_read_u64(&remote, (uintptr_t)&word, &word));
    assert_int_equal(errno, ESRCH);
    assert_false(proc_thread_open(&thread, pid, pid));
    assert_int_equal(proc_maps_read(pid, &maps, &err), ERR_GONE);
    assert_int_equal(proc_threads(pid, &tids, &capacity), ERR_GONE);
    assert_int_equal(proc_start_ticks(pid, &parent), 0);
    assert_false(proc_comm(pid, pid, text));
    assert_int_equal(proc_cmdline(pid, text, sizeof(text)), ERR_GONE);
    assert_false(proc_exe(pid, text, sizeof(text)));
}

static void *stays(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void what_its_first_thread_has_no_more_is_read_by_another(void **state)
{
    (void)state;
    struct remote remote;
    struct proc_maps maps;
    struct err err;
    struct elf_place place;
    char text[4096], own[4096];
    int value = 0, wait_status;
    siginfo_t info;
    pthread_t thread;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_create(&thread, NULL, stays, NULL);
        syscall(SYS_exit, 0);
    }
    assert_true(proc_living_thread(getpid()) == getpid());
    for (int i = 0; i < 20000 && !proc_thread_ended(pid, pid); i++)
        usleep(1000);
    pid_t other = proc_living_thread(pid);
    assert_true(other != pid && !proc_thread_ended(pid, other) && !proc_ended(pid, &wait_status));
    remote = (struct remote){.pid = pid};
    assert_true(remote_read(&remote, (uintptr_t)&known_symbol, &value, sizeof(value)) && value == 7);
    assert_true(proc_exe(pid, text, sizeof(text)) && proc_exe(getpid(), own, sizeof(own)));
    assert_string_equal(text, own);
    assert_true(proc_directory(pid, text, sizeof(text)) && text[0] == '/');
    assert_true(proc_cmdline(pid, text, sizeof(text)) > 0 && proc_auxv(pid, text, sizeof(text)) > 0);
    assert_int_equal(proc_maps_read(pid, &maps, &err), 0);
    bool found = false;
    for (size_t i = 0; i < maps.count && !found; i++) {
        bool program = maps.maps[i].executable && strcmp(maps.maps[i].path, own) == 0;
        struct elf *elf = program ? elf_open(pid, &maps, &maps.maps[i]) : NULL;
        found = elf != NULL && elf_section(elf, ".text", &place); /* by its file, not by its memory */
        elf_close(elf);
    }
    assert_true(found);
    proc_maps_release(&maps);
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_true(proc_living_thread(pid) == pid && proc_ended(pid, &wait_status));
    waitpid(pid, NULL, 0);
    assert_true(proc_thread_ended(pid, pid));
}

static void a_hostile_name_does_not_confuse(void **state)
{
    (void)state;
    struct proc_thread thread;
    struct proc_stat stat;
    struct proc_schedstat before, after;
    struct proc_syscall call;
    char comm[16];
    pid_t parent = 0;
    pid_t tid = (pid_t)syscall(SYS_gettid);
    prctl(PR_SET_NAME, ") Z 1 (a) X\n9");
    assert_true(proc_thread_open(&thread, getpid(), tid));
    assert_true(proc_thread_stat(&thread, &stat));
    assert_int_equal(stat.state, 'R');
    assert_true(stat.processor >= 0 && stat.processor < 65536);
    assert_true(proc_thread_schedstat(&thread, &before));
    for (volatile int i = 0; i < 10000000; i++) {
    }
    sched_yield();
    assert_true(proc_thread_schedstat(&thread, &after));
    assert_true(after.run_ns >= before.run_ns && after.run_ns > 0 && after.switches >= before.switches);
    assert_true(proc_start_ticks(getpid(), &parent) > 0);
    assert_int_equal(parent, getppid());
    assert_true(proc_comm(getpid(), tid, comm));
    assert_string_equal(comm, ") Z 1 (a) X\n9");
    if (proc_thread_syscall(&thread, &call))
        assert_true(call.running || call.number >= 0);
    proc_thread_close(&thread);
    assert_false(proc_thread_stat(&thread, &stat));
    prctl(PR_SET_NAME, "test-target");
}

static void a_blocked_call_is_told(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        _exit(read(ends[0], &byte, 1) < 0);
    }
    struct proc_thread thread;
    struct proc_stat stat = {0};
    struct proc_syscall call = {0};
    assert_true(proc_thread_open(&thread, pid, pid));
    for (int i = 0; i < 2000 && !(stat.state == 'S'); i++) {
        usleep(1000);
        assert_true(proc_thread_stat(&thread, &stat));
    }
    if (proc_thread_syscall(&thread, &call)) {
        assert_false(call.running);
        assert_int_equal(call.number, SYS_read);
        assert_int_equal(call.args[0], ends[0]);
        assert_int_equal(call.args[2], 1);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_false(proc_thread_schedstat(&thread, &(struct proc_schedstat){0}));
    proc_thread_close(&thread);
    close(ends[0]);
    close(ends[1]);
}

static void maps_and_threads_are_listed(void **state)
{
    (void)state;
    struct proc_maps maps;
    struct err err;
    pid_t *tids = NULL;
    size_t capacity = 0;
    bool own_code = false, own_data = false;
    assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
    for (size_t i = 0; i < maps.count; i++) {
        const struct proc_map *map = &maps.maps[i];
        uint64_t code = (uintptr_t)maps_and_threads_are_listed, data = (uintptr_t)&known_symbol;
        own_code |= map->start <= code && code < map->end && map->executable && map->inode && map->path[0] == '/';
        own_data |= map->start <= data && data < map->end && map->writable;
    }
    assert_true(own_code && own_data);
    proc_maps_release(&maps);
    assert_int_equal(proc_threads(getpid(), &tids, &capacity), 1);
    assert_int_equal(tids[0], getpid());
    mem_free(tids);
}

static const struct proc_map *map_of(const struct proc_maps *maps, uint64_t address)
{
    for (size_t i = 0; i < maps->count; i++) {
        if (maps->maps[i].start <= address && address < maps->maps[i].end)
            return &maps->maps[i];
    }
    return NULL;
}

static void symbols_have_their_addresses(void **state)
{
    (void)state;
    struct proc_maps maps;
    struct err err;
    struct elf_place place;
    assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
    /* In the executable (position independent), and in a shared library. */
    struct elf *elf = elf_open(getpid(), &maps, map_of(&maps, (uintptr_t)symbols_have_their_addresses));
    assert_non_null(elf);
    assert_true(elf_symbol(elf, "known_symbol", &place));
    assert_true(place.address == (uintptr_t)&known_symbol && place.size == sizeof(int));
    assert_false(elf_symbol(elf, "no_such_symbol", &place));
    assert_true(elf_section(elf, ".data", &place));
    assert_true(place.address <= (uintptr_t)&known_symbol && (uintptr_t)&known_symbol < place.address + place.size);
    assert_false(elf_section(elf, ".nothing", &place));
    elf_close(elf);
    elf = elf_open(getpid(), &maps, map_of(&maps, (uintptr_t)strtoul));
    assert_non_null(elf);
    assert_true(elf_symbol(elf, "strtoul", &place));
    elf_close(elf);
    proc_maps_release(&maps);
}

/* Outside of the tables of exported symbols, and with room for an address inside. */
static __attribute__((noinline)) int known_function(int value)
{
    for (int i = 0; i < value; i++)
        value ^= getpid() + i;
    return value;
}

static const char *name_at(struct symbols *symbols, const struct proc_maps *maps, uintptr_t address)
{
    return symbols_find(symbols, getpid(), maps, map_of(maps, address), address);
}

static void functions_are_named(void **state)
{
    (void)state;
    struct proc_maps maps;
    struct err err;
    struct symbols *symbols = symbols_new();
    assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
    uintptr_t known = (uintptr_t)known_function, outside = (uintptr_t)strtoul;
    assert_int_equal(known_function(0), 0);
    assert_string_equal(name_at(symbols, &maps, known), "known_function");
    assert_string_equal(name_at(symbols, &maps, known + 4), "known_function");
    assert_ptr_equal(name_at(symbols, &maps, known), name_at(symbols, &maps, known + 4));
    assert_non_null(strstr(name_at(symbols, &maps, outside), "strtoul")); /* which has several names */
    const struct proc_map *map = map_of(&maps, known);
    assert_null(symbols_find(symbols, getpid(), &maps, map, map->end));
    assert_null(symbols_find(symbols, getpid(), &maps, map, 0));
    assert_null(name_at(symbols, &maps, (uintptr_t)&err)); /* the stack is no file */
    proc_maps_release(&maps);
    symbols_free(symbols);
    symbols_free(NULL);
}

static bool count_names(void *context, const char *name, const struct elf_place *place)
{
    size_t *count = context;
    assert_true(strlen(name) < 1 << 20 && place->address != 0);
    return ++*count < 100000;
}

static void symbols_are_found_in_memory(void **state)
{
    (void)state;
    struct proc_maps maps;
    struct err err;
    struct elf_memory image;
    uint64_t address, size;
    assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
    const struct proc_map *in = map_of(&maps, (uintptr_t)strtoul), *first = in;
    for (size_t i = 0; i < maps.count; i++) {
        if (elf_same_file(&maps.maps[i], in) && maps.maps[i].start < first->start)
            first = &maps.maps[i];
    }
    assert_true(elf_memory_open(&image, getpid(), first->start));
    assert_true(elf_memory_symbol(&image, "strtoul", &address, &size));
    assert_true(address == (uintptr_t)strtoul && size > 0);
    assert_false(elf_memory_symbol(&image, "no_such_symbol", &address, &size));
    assert_false(elf_memory_open(&image, getpid(), first->start + 4096));
    assert_false(elf_memory_open(&image, getpid(), 8));
    proc_maps_release(&maps);
}

/* Our own executable, damaged byte by byte, mapped and opened: nothing but a refusal or a place inside may come. */
static void damaged_files_are_survived(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    int own = open("/proc/self/exe", O_RDONLY);
    ssize_t size = read(own, bytes, sizeof(bytes));
    close(own);
    assert_true(size > 4096);
    char path[] = "/tmp/keisoku-elf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    uint32_t seed = 7;
    for (int round = 0; round < 200; round++) {
        assert_int_equal(pwrite(fd, bytes, (size_t)size, 0), size);
        assert_int_equal(ftruncate(fd, round % 4 == 3 ? 4096 + round : size), 0);
        for (int i = 0; i < 8; i++) {
            seed = seed * 1664525 + 1013904223;
            char byte = (char)(seed >> 16);
            /* Half of the damage in the headers at the start, half in the section table at the end. */
            off_t offset = i % 2 ? (off_t)(seed >> 8) % 800 : size - 1 - (off_t)(seed >> 8) % 2600;
            assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
        }
        void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        struct proc_maps maps;
        struct err err;
        struct elf_place place;
        assert_int_equal(proc_maps_read(getpid(), &maps, &err), 0);
        struct elf *elf = elf_open(getpid(), &maps, map_of(&maps, (uintptr_t)mapped));
        if (elf) {
            elf_symbol(elf, "known_symbol", &place);
            elf_symbol(elf, "no_such_symbol", &place);
            elf_section(elf, ".data", &place);
            size_t count = 0;
            elf_functions(elf, count_names, &count);
        }
        elf_close(elf);
        proc_maps_release(&maps);
        munmap(mapped, 4096);
    }
    close(fd);
    unlink(path);
}

/* In no order, as where numbers have begun anew; some threads were gone before they could be asked. A search through
 * all of them for each would last longer than the suite waits. */
static void threads_of_a_namespace_are_found_by_their_ids(void **state)
{
    enum { THREADS = 1 << 20, GONE = 1000 };
    (void)state;
    struct inner_ids ids = {.nested = true};
    struct inner_id *list = mem_zalloc(THREADS, sizeof *list);
    assert_non_null(list);
    assert_int_equal(inner_ids_find(&ids, 1), 0);
    for (int i = 0; i < THREADS; i++) {
        int inner = 2 * ((i + THREADS / 3) % THREADS) + 2;
        list[i] = (struct inner_id){.tid = 3 * THREADS - i, .inner = i % GONE == 0 ? 0 : inner};
    }
    inner_ids_take(&ids, list, THREADS);
    for (int i = 0; i < THREADS; i++) {
        int inner = 2 * ((i + THREADS / 3) % THREADS) + 2, tid = i % GONE == 0 ? 0 : 3 * THREADS - i;
        if (inner_ids_find(&ids, inner) != tid || inner_ids_find(&ids, inner + 1) != 0)
            fail_msg("%d is thread %d, not %d", inner, inner_ids_find(&ids, inner), tid);
    }
    assert_int_equal(inner_ids_find(&ids, 0), 0);
    inner_ids_release(&ids);
    assert_int_equal(inner_ids_find(&ids, 2), 0);
}

static void *wait_for_end(void *pipe)
{
    char byte;
    return read(*(int *)pipe, &byte, 1) < 0 ? pipe : NULL;
}

/* What is known of a thread stays, what is not is asked. */
static void threads_are_listed_again(void **state)
{
    (void)state;
    struct inner_ids ids = {.nested = true};
    int pipes[2];
    pthread_t thread;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(inner_ids_refresh(&ids, getpid()), 0);
    assert_int_equal(ids.count, 1);
    assert_int_equal(inner_ids_find(&ids, getpid()), getpid());
    ids.ids[0].inner = INT_MAX;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &pipes[0]), 0);
    assert_int_equal(inner_ids_refresh(&ids, getpid()), 0);
    assert_int_equal(ids.count, 2);
    assert_int_equal(inner_ids_find(&ids, INT_MAX), getpid());
    assert_int_equal(inner_ids_find(&ids, getpid()), 0);
    assert_int_equal(inner_ids_find(&ids, ids.ids[0].tid), ids.ids[0].tid);
    close(pipes[1]);
    pthread_join(thread, NULL);
    close(pipes[0]);
    inner_ids_release(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_arrive_up_to_the_bad_one),
        cmocka_unit_test(a_read_over_the_edge_fails),
        cmocka_unit_test(a_gone_process_says_so),
        cmocka_unit_test(a_hostile_name_does_not_confuse),
        cmocka_unit_test(a_blocked_call_is_told),
        cmocka_unit_test(maps_and_threads_are_listed),
        cmocka_unit_test(symbols_have_their_addresses),
        cmocka_unit_test(symbols_are_found_in_memory),
        cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(functions_are_named),
        cmocka_unit_test(what_its_first_thread_has_no_more_is_read_by_another),
        cmocka_unit_test(threads_of_a_namespace_are_found_by_their_ids),
        cmocka_unit_test(threads_are_listed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
