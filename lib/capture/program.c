#include "capture/program.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, HEAD_BYTES = 256, SCANNED_MAX = 4096 };

/* What a file looks like from its first bytes and its name. */
enum look {
    LOOK_MISSING,
    LOOK_DIRECTORY,
    LOOK_PACKAGE, /* a directory with __main__.py */
    LOOK_SCRIPT,  /* Python's by its ending */
    LOOK_ZIPAPP,
    LOOK_HASHBANG, /* any other file that names its interpreter */
    LOOK_BINARY,
    LOOK_TEXT /* a shell starts it with /bin/sh */
};

struct file_look {
    enum look look;
    bool executable, readable, hashbang;
    int error; /* errno of stat */
    char head[HEAD_BYTES + 1];
};

void program_release(struct program *program)
{
    if (program->argv != NULL)
        for (size_t i = 0; program->argv[i] != NULL; i++)
            mem_free(program->argv[i]);
    mem_free(program->argv);
    mem_free(program->executable);
    program->argv = NULL;
    program->executable = NULL;
}

/* ---- looking at files ----------------------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), size = strlen(ending);
    return length > size && strcmp(text + length - size, ending) == 0;
}

static bool ends_like_python(const char *path)
{
    return ends_with(path, ".py") || ends_with(path, ".pyw") || ends_with(path, ".pyc");
}

/* A zip archive starts with PK\3\4, also behind the one line that a zipapp may have in front. */
static bool is_zip(const char *head, size_t size)
{
    const char *start = head;
    if (size > 2 && head[0] == '#' && head[1] == '!') {
        start = memchr(head, '\n', size);
        if (start == NULL)
            return false;
        start++;
    }
    return size - (size_t)(start - head) >= 4 && memcmp(start, "PK\3\4", 4) == 0;
}

static size_t read_head(const char *path, char head[HEAD_BYTES + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, head, HEAD_BYTES);
    close(fd);
    size = size < 0 ? 0 : size;
    head[size] = '\0';
    return (size_t)size;
}

static void look_at_directory(const char *path, struct file_look *file)
{
    char main_path[PATH_BYTES];
    int length = snprintf(main_path, sizeof main_path, "%s/__main__.py", path);
    bool package = length > 0 && (size_t)length < sizeof main_path && access(main_path, R_OK) == 0;
    file->look = package ? LOOK_PACKAGE : LOOK_DIRECTORY;
}

static void look_at(const char *path, struct file_look *file)
{
    *file = (struct file_look){.look = LOOK_MISSING};
    struct stat status;
    if (stat(path, &status) != 0) {
        file->error = errno;
        return;
    }
    if (S_ISDIR(status.st_mode)) {
        look_at_directory(path, file);
        return;
    }
    file->executable = S_ISREG(status.st_mode) && access(path, X_OK) == 0;
    file->readable = access(path, R_OK) == 0;
    size_t size = S_ISREG(status.st_mode) ? read_head(path, file->head) : 0;
    file->hashbang = size > 2 && file->head[0] == '#' && file->head[1] == '!';
    if (is_zip(file->head, size) || ends_with(path, ".pyz") || ends_with(path, ".pyzw"))
        file->look = LOOK_ZIPAPP;
    else if (ends_like_python(path))
        file->look = LOOK_SCRIPT;
    else if (file->hashbang)
        file->look = LOOK_HASHBANG;
    else
        file->look =
            size == 0 || memchr(file->head, '\0', size) != NULL || file->head[0] == '\x7f' ? LOOK_BINARY : LOOK_TEXT;
}

/* The first executable `word` of PATH, into `path`. */
static bool find_in_path(const char *word, char path[PATH_BYTES])
{
    const char *at = getenv("PATH");
    if (at == NULL || at[0] == '\0')
        at = "/usr/local/bin:/usr/bin:/bin";
    while (at != NULL) {
        const char *end = strchrnul(at, ':');
        int length = end == at ? snprintf(path, PATH_BYTES, "./%s", word)
                               : snprintf(path, PATH_BYTES, "%.*s/%s", (int)(end - at), at, word);
        struct stat status;
        if (length > 0 && length < PATH_BYTES && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
            access(path, X_OK) == 0)
            return true;
        at = *end == ':' ? end + 1 : NULL;
    }
    return false;
}

static bool find_python(char path[PATH_BYTES])
{
    const char *environment = getenv("VIRTUAL_ENV");
    if (environment != NULL && environment[0] != '\0') {
        int length = snprintf(path, PATH_BYTES, "%s/bin/python", environment);
        if (length > 0 && length < PATH_BYTES && access(path, X_OK) == 0)
            return true;
    }
    return find_in_path("python3", path) || find_in_path("python", path);
}

/* ---- suggestions ---------------------------------------------------------------------------------------------------
 */

/* The file beside `word` that was most likely meant, with its directory; "" when there is none. */
static void nearest_file(const char *word, char result[PATH_BYTES])
{
    char directory[PATH_BYTES];
    const char *slash = strrchr(word, '/');
    const char *base = slash != NULL ? slash + 1 : word;
    int prefix = (int)(base - word);
    result[0] = '\0';
    if (snprintf(directory, sizeof directory, "%.*s.", prefix, word) >= (int)sizeof directory || base[0] == '\0')
        return;
    DIR *listing = opendir(directory);
    if (listing == NULL)
        return;
    unsigned best = ~0u;
    struct dirent *entry;
    for (int scanned = 0; scanned < SCANNED_MAX && (entry = readdir(listing)) != NULL; scanned++) {
        bool starts = strncmp(entry->d_name, base, strlen(base)) == 0 && ends_like_python(entry->d_name);
        unsigned distance = starts ? 1 : nearest_distance(base, entry->d_name);
        bool hidden = entry->d_name[0] == '.' && base[0] != '.';
        if (hidden || distance >= best || !(starts || nearest_is_close(base, distance)))
            continue;
        best = distance;
        snprintf(result, PATH_BYTES, "%.*s%s", prefix, word, entry->d_name);
    }
    closedir(listing);
}

static int error_with(struct err *err, int code, const char *word, const char *text)
{
    struct buf name = {0};
    buf_add_visible(&name, word, strlen(word));
    int rc = err_set(err, code, "cannot run %.300s: %s", buf_text(&name), text);
    buf_release(&name);
    return rc;
}

static int error_missing(struct err *err, const char *word, int number)
{
    char near[PATH_BYTES], text[700];
    nearest_file(word, near);
    const char *reason = number == 0 || number == ENOENT ? "there is no such program or file" : strerror(number);
    struct buf visible = {0};
    buf_add_visible(&visible, near, strlen(near));
    if (near[0] != '\0')
        snprintf(text, sizeof text, "%s; did you mean %.300s?", reason, buf_text(&visible));
    else if (strchr(word, '/') == NULL)
        snprintf(text, sizeof text, "%s, here or in PATH; check the name, or say -m for a module", reason);
    else
        snprintf(text, sizeof text, "%s; check the path", reason);
    buf_release(&visible);
    return error_with(err, ERR_NOT_FOUND, word, text);
}

/* ---- NAME of the output files --------------------------------------------------------------------------------------
 */

static void set_name(struct program *program, const char *path, bool cut_ending)
{
    char real[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
        if (realpath(path, real) != NULL && (slash = strrchr(real, '/')) != NULL)
            base = slash + 1;
    }
    snprintf(program->name, sizeof program->name, "%s", base);
    char *dot = strrchr(program->name, '.');
    if (cut_ending && dot != NULL && dot != program->name)
        *dot = '\0';
    for (char *at = program->name; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || (at == program->name && (*at == '-' || *at == '.')))
            *at = '_';
    if (program->name[0] == '\0')
        snprintf(program->name, sizeof program->name, "program");
}

static void set_module_name(struct program *program, const char *module)
{
    const char *dot = strrchr(module, '.');
    set_name(program, dot != NULL && dot[1] != '\0' ? dot + 1 : module, false);
}

/* ---- putting it together -------------------------------------------------------------------------------------------
 */

/* argv becomes first, second (both optional), then `rest`. */
static int set_argv(struct program *program, const char *executable, const char *first, const char *second,
                    char *const rest[], struct err *err)
{
    size_t count = 0, at = 0;
    while (rest[count] != NULL)
        count++;
    program->executable = mem_strdup(executable);
    program->argv = mem_zalloc(count + 3, sizeof *program->argv);
    if (program->executable == NULL || program->argv == NULL)
        return err_set(err, ERR_NOMEM, "cannot run %.300s: out of memory", executable);
    const char *leading[] = {first, second};
    for (size_t i = 0; i < count + 2; i++) {
        const char *text = i < 2 ? leading[i] : rest[i - 2];
        if (text == NULL)
            continue;
        program->argv[at] = mem_strdup(text);
        if (program->argv[at++] == NULL)
            return err_set(err, ERR_NOMEM, "cannot run %.300s: out of memory", executable);
    }
    return 0;
}

static int with_python(struct program *program, char *const argv[], struct err *err)
{
    char python[PATH_BYTES];
    if (!find_python(python))
        return error_with(err, ERR_NOT_FOUND, argv[0],
                          "there is no python3 or python in PATH; name the interpreter: keisoku run /path/to/python …");
    return set_argv(program, python, python, NULL, argv, err);
}

static int resolve_option(struct program *program, char *const argv[], struct err *err)
{
    const char *word = argv[0];
    bool takes_argument = strcmp(word, "-m") == 0 || strcmp(word, "-c") == 0;
    if (takes_argument && (argv[1] == NULL || (word[1] == 'm' && argv[1][0] == '\0')))
        return err_set(err, ERR_BAD_INPUT, "nothing to run: %s needs %s behind it", word,
                       word[1] == 'm' ? "the name of a module" : "Python code");
    if (!takes_argument && strcmp(word, "-") != 0)
        return error_with(err, ERR_BAD_INPUT, word,
                          "a program cannot start with a dash; options of Python go behind an interpreter: "
                          "keisoku run python3 -O app.py");
    if (word[1] == 'm')
        set_module_name(program, argv[1]);
    else
        snprintf(program->name, sizeof program->name, "%s", word[1] == 'c' ? "c" : "stdin");
    return with_python(program, argv, err);
}

/* The argument behind `at`; NULL at the end. */
static const char *next_argument(const char *at, const char *end)
{
    at += strnlen(at, (size_t)(end - at)) + 1;
    return at < end ? at : NULL;
}

/* What an option of an interpreter does with the arguments behind it. Letters may be joined: -um, -Xdev. */
enum option { OPTION_ALONE, OPTION_TAKES, OPTION_MODULE, OPTION_CODE };

static enum option read_option(const char *option)
{
    if (option[1] == '-')
        return strcmp(option, "--check-hash-based-pycs") == 0 ? OPTION_TAKES : OPTION_ALONE;
    const char *letter = option + 1 + strcspn(option + 1, "mcXW");
    if (*letter == 'm' || *letter == 'c')
        return *letter == 'm' ? OPTION_MODULE : OPTION_CODE;
    return *letter != '\0' && letter[1] == '\0' ? OPTION_TAKES : OPTION_ALONE;
}

/* What an interpreter runs, as a name: of a script (a word of its own), a module, code or standard input. False: none.
 */
static bool set_python_target(struct program *program, const char *at, const char *end)
{
    while (at != NULL && at[0] == '-' && at[1] != '\0') {
        enum option option = read_option(at);
        const char *joined = at + strcspn(at, "mc") + 1, *next = next_argument(at, end);
        if (option == OPTION_CODE)
            return snprintf(program->name, sizeof program->name, "c") > 0;
        if (option == OPTION_MODULE && (*joined != '\0' || next != NULL))
            set_module_name(program, *joined != '\0' ? joined : next);
        if (option == OPTION_MODULE)
            return *joined != '\0' || next != NULL;
        at = option == OPTION_TAKES && next != NULL ? next_argument(next, end) : next;
    }
    if (at == NULL)
        return false;
    if (at[0] == '-')
        snprintf(program->name, sizeof program->name, "stdin");
    else
        set_name(program, at, true);
    return true;
}

/* "python", "python3.13t" */
static bool is_python(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    return strncmp(base, "python", 6) == 0 && base[6 + strspn(base + 6, "0123456789.td")] == '\0';
}

void program_name_of(const char *command, size_t size, char name[PROGRAM_NAME_BYTES])
{
    struct program program = {0};
    char text[4096];
    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, command, size);
    text[size] = '\0';
    const char *end = text + size;
    if (size == 0 || !is_python(text) || !set_python_target(&program, next_argument(text, end), end))
        set_name(&program, text, false);
    snprintf(name, PROGRAM_NAME_BYTES, "%s", program.name);
}

/* NAME where the user named the interpreter: that of what it runs. */
static int set_python_name(struct program *program, char *const argv[], struct err *err)
{
    struct buf command = {0};
    for (size_t i = 0; argv[i] != NULL; i++)
        buf_add(&command, argv[i], strlen(argv[i]) + 1);
    int rc = command.failed ? err_set(err, ERR_NOMEM, "cannot run %.300s: out of memory", argv[0]) : 0;
    if (rc == 0)
        program_name_of(command.data, command.size, program->name);
    buf_release(&command);
    return rc;
}

/* The interpreter named by a first line "#!/path/to/it arguments" must be there: execve would say "no such file" of the
 * script. */
static int check_hashbang(const char *word, const struct file_look *file, struct err *err)
{
    char interpreter[HEAD_BYTES], text[HEAD_BYTES + 100];
    const char *start = file->head + 2 + strspn(file->head + 2, " \t");
    size_t length = strcspn(start, " \t\r\n");
    if (length == 0 || start[length] == '\0')
        return 0; /* longer than we look, or empty: the kernel decides */
    snprintf(interpreter, sizeof interpreter, "%.*s", (int)length, start);
    if (access(interpreter, F_OK) == 0)
        return 0;
    snprintf(text, sizeof text, "its first line names %s, which is not there; name an interpreter before it",
             interpreter);
    return error_with(err, ERR_NOT_FOUND, word, text);
}

static int run_executable(struct program *program, const char *path, const struct file_look *file, char *const argv[],
                          struct err *err)
{
    set_name(program, argv[0], file->look == LOOK_SCRIPT || file->look == LOOK_ZIPAPP);
    if (file->look == LOOK_TEXT)
        return set_argv(program, "/bin/sh", "/bin/sh", path, argv + 1, err);
    int rc = is_python(argv[0]) ? set_python_name(program, argv, err) : 0;
    rc = rc == 0 && file->hashbang ? check_hashbang(argv[0], file, err) : rc;
    return rc != 0 ? rc : set_argv(program, path, NULL, NULL, argv, err);
}

static int run_script(struct program *program, const struct file_look *file, char *const argv[], struct err *err)
{
    if (file->look != LOOK_PACKAGE && !file->readable)
        return error_with(err, ERR_NOT_EXECUTABLE, argv[0], "it may not be read; check its permissions (chmod u+r)");
    set_name(program, argv[0], file->look != LOOK_PACKAGE);
    return with_python(program, argv, err);
}

static int resolve_file(struct program *program, char *const argv[], struct err *err)
{
    const char *word = argv[0];
    char path[PATH_BYTES];
    struct file_look file;
    bool has_slash = strchr(word, '/') != NULL;
    look_at(word, &file);
    bool pythons = file.look == LOOK_SCRIPT || file.look == LOOK_ZIPAPP || file.look == LOOK_PACKAGE;
    if (pythons && !(has_slash && file.executable && file.hashbang))
        return run_script(program, &file, argv, err);
    if (has_slash) {
        if (file.look == LOOK_MISSING)
            return error_missing(err, word, file.error);
        if (file.look == LOOK_DIRECTORY)
            return error_with(err, ERR_NOT_EXECUTABLE, word, "it is a directory without a __main__.py");
        if (!file.executable)
            return error_with(err, ERR_NOT_EXECUTABLE, word,
                              "it is not executable; chmod +x it, or name its interpreter: keisoku run python3 FILE");
        return run_executable(program, word, &file, argv, err);
    }
    if (find_in_path(word, path)) {
        look_at(path, &file);
        return run_executable(program, path, &file, argv, err);
    }
    if (file.look == LOOK_MISSING)
        return error_missing(err, word, file.error);
    if (file.look == LOOK_DIRECTORY)
        return error_with(err, ERR_NOT_EXECUTABLE, word, "it is a directory without a __main__.py");
    return error_with(err, file.executable ? ERR_NOT_FOUND : ERR_NOT_EXECUTABLE, word,
                      file.executable
                          ? "it is not in PATH; to run the file here, write ./ before its name"
                          : "it is not executable; chmod +x it, or name its interpreter: keisoku run python3 FILE");
}

int program_resolve(char *const argv[], struct program *result, struct err *err)
{
    *result = (struct program){0};
    if (argv[0] == NULL || argv[0][0] == '\0')
        return err_set(err, ERR_BAD_INPUT, "nothing to run: name a program, as in keisoku run app.py");
    int rc = argv[0][0] == '-' ? resolve_option(result, argv, err) : resolve_file(result, argv, err);
    if (rc != 0)
        program_release(result);
    return rc;
}
