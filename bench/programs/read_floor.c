/*
 * read_floor SECONDS: what one remote read takes that does nothing else: process_vm_readv of three pieces of a child's
 * memory, a kilobyte in all, over and over. Prints nanoseconds a read; -1 where it is not permitted.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 340, PIECES = 3, BATCH = 1000 };

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static char there[PIECES][4096], here[PIECES][PIECE];
    struct iovec local[PIECES], remote[PIECES];
    double seconds = argc > 1 ? atof(argv[1]) : 0.3, start, took;
    long reads = 0;
    for (int i = 0; i < PIECES; i++) {
        there[i][0] = 1; /* so that there is a page */
        local[i] = (struct iovec){here[i], PIECE};
        remote[i] = (struct iovec){there[i], PIECE};
    }
    pid_t child = fork();
    if (child < 0)
        return 1;
    if (child == 0)
        for (;;)
            pause();
    start = now_s();
    do {
        for (int i = 0; i < BATCH; i++)
            if (process_vm_readv(child, local, PIECES, remote, PIECES, 0) != (ssize_t)PIECE * PIECES)
                reads = -1000000000;
        reads += BATCH;
        took = now_s() - start;
    } while (reads > 0 && took < seconds);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("%.0f\n", reads > 0 ? 1e9 * took / (double)reads : -1.0);
    return 0;
}
