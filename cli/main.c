/*
 * The command line. main finds the command's row, reads its options and calls it; a command's return value is the exit
 * status. Only this folder prints or exits.
 */
#include "help.h"
#include "message.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const struct command commands[COMMAND_COUNT] = {
#define COMMAND(bit, name, arguments, summary, usage, failure, examples)                                               \
    {COMMAND_##bit, #name, arguments, summary, usage, failure, examples, command_##name},
#include "commands.def"
#undef COMMAND
};

/* A closed standard stream must stay closed for the program that we start, but its number must not be given to a file
 * of ours. */
static void fill_closed_streams(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
            continue;
        int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (opened >= 0 && opened != fd && dup3(opened, fd, O_CLOEXEC) >= 0)
            close(opened);
    }
}

static void on_size_limit(int signal)
{
    (void)signal;
}

/* A write beyond the limit of file sizes (ulimit -f) then fails like any other, and is told like any other. A handler,
 * since a program that we start gets the default back in place of one. */
static void survive_size_limit(void)
{
    struct sigaction old, action = {.sa_handler = on_size_limit, .sa_flags = SA_RESTART};
    if (sigaction(SIGXFSZ, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(SIGXFSZ, &action, NULL);
}

static size_t page_bytes;

/* Gives the place other memory, and the reading or writing that failed goes on in that. */
static void on_lost_page(int signal, siginfo_t *info, void *context)
{
    (void)context;
    void *page = (void *)((uintptr_t)info->si_addr & ~(uintptr_t)(page_bytes - 1));
    if (info->si_code == BUS_ADRERR &&
        mmap(page, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
        return;
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    if (info->si_code <= 0) /* somebody sent it */
        raise(signal);
}

/* SQLite maps the index of a recording's log: who cuts that file short may end the recording, and not us. */
static void survive_lost_pages(void)
{
    struct sigaction action = {.sa_sigaction = on_lost_page, .sa_flags = SA_SIGINFO | SA_RESTART}, old;
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* the program has it ignored as well then */
        sigaction(SIGBUS, &action, NULL);
}

static const struct command *command_by_name(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *word)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *near = kei_nearest_word(word, names, COMMAND_COUNT);
    if (word[0] == '-')
        message("option %s is not known before a command; keisoku --help lists the commands", word);
    else if (near != NULL)
        message("there is no command %s; did you mean keisoku %s?", word, near);
    else if (access(word, F_OK) == 0)
        message("there is no command %s; to measure that program, say keisoku run %s", word, word);
    else
        message("there is no command %s; keisoku --help lists them", word);
    return 2;
}

/* --help, and `help COMMAND`, which other programs have taught people to type. */
static int print_help(const char *name)
{
    const struct command *command = name != NULL ? command_by_name(name) : NULL;
    if (name != NULL && command == NULL)
        return unknown_command(name);
    if (command != NULL)
        help_print_command(command, stdout);
    else
        help_print(stdout);
    return message_printed(0);
}

int main(int argc, char **argv)
{
    fill_closed_streams();
    survive_size_limit();
    survive_lost_pages();
    if (argc < 2) {
        help_print(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help(NULL);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("keisoku %s\n", kei_version());
        return message_printed(0);
    }
    if (strcmp(argv[1], "help") == 0)
        return print_help(argv[2]);
    const struct command *command = command_by_name(argv[1]);
    if (command == NULL)
        return unknown_command(argv[1]);
    struct settings settings = {0};
    int count = argc - 2;
    if (!options_parse(command, &settings, argv + 2, &count))
        return command->usage_status;
    if (settings.help) {
        help_print_command(command, stdout);
        return message_printed(0);
    }
    return command->run(command, &settings, count, argv + 2);
}
