/*
 * See query.h. The authorizer lets a statement read the recording's tables and the views made here, nothing else: what
 * else may lie in the file (a view of the same name, a virtual table) cannot be reached. Ctrl-C needs no help: nothing
 * is written, so the process may just end.
 */
#include "data/query.h"

#include "base/mem.h"
#include "data/profile_private.h"
#include "data/schema.h"
#include "data/store.h"

#include <string.h>

enum {
    VALUE_BYTES_MAX = 32 * 1024 * 1024, /* of one value on the way */
    STEPS_BETWEEN_LOOKS = 200           /* of SQLite's machine, between looks at its memory */
};

struct query {
    struct loader loader;
    sqlite3_stmt *statement;
    sqlite3_int64 memory_before;
    bool too_much_memory;
};

static const char list_of_views[] =
    "SELECT name AS view, (SELECT group_concat(name, ', ') FROM pragma_table_info(views.name)) AS columns"
    " FROM sqlite_temp_schema AS views WHERE type = 'view'";

static bool is_item(const char *type, const char *name)
{
    for (const struct schema_item *item = schema_items; item->name != NULL; item++) {
        if (strcmp(item->type, type) == 0 && sqlite3_stricmp(item->name, name) == 0)
            return true;
    }
    return false;
}

/* `table` of `database` "main" must be a table of the format; what is in "temp" was made here. */
static int may_read(const char *table, const char *database)
{
    if (table == NULL || database == NULL || strcmp(database, "temp") == 0)
        return SQLITE_OK; /* without a database: the rows of a subquery */
    bool known = is_item("table", table) || sqlite3_stricmp(table, "sqlite_master") == 0 ||
                 sqlite3_stricmp(table, "sqlite_schema") == 0;
    return known ? SQLITE_OK : SQLITE_DENY;
}

static int authorize(void *context, int action, const char *first, const char *second, const char *database,
                     const char *inside)
{
    (void)context;
    (void)inside;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        return may_read(first, database);
    case SQLITE_FUNCTION:
        return sqlite3_stricmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

/* Called by SQLite between steps; not 0 ends the statement. */
static int look_at_memory(void *context)
{
    struct query *query = context;
    query->too_much_memory = sqlite3_memory_used() - query->memory_before > QUERY_BYTES_MAX;
    return query->too_much_memory;
}

static int make_views(struct query *query)
{
    sqlite3 *db = query->loader.db;
    if (!query->loader.has_origin && /* an empty one: the views ask it */
        store_exec(db, "CREATE TEMP TABLE origin(process, host, recording)") != SQLITE_OK)
        return store_error(db, query->loader.err, "ask", query->loader.path);
    for (const struct schema_item *item = schema_items; item->name != NULL; item++) {
        static const char create[] = "CREATE VIEW ";
        if (strcmp(item->type, "view") != 0)
            continue;
        char *sql = sqlite3_mprintf("CREATE TEMP VIEW %s", item->sql + strlen(create));
        int rc = sql != NULL ? store_exec(db, sql) : SQLITE_NOMEM;
        sqlite3_free(sql);
        if (rc != SQLITE_OK)
            return store_error(db, query->loader.err, "ask", query->loader.path);
    }
    return 0;
}

/* A chain of callers that leads back would never end. */
static int check_stacks(struct query *query)
{
    struct loader *loader = &query->loader;
    sqlite3_stmt *statement = NULL;
    int step = sqlite3_prepare_v2(loader->db, "SELECT 1 FROM stack WHERE NOT (parent BETWEEN 0 AND id - 1) LIMIT 1", -1,
                                  &statement, NULL);
    if (step == SQLITE_OK)
        step = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (step == SQLITE_ROW)
        return loader_corrupt(loader, "a stack comes before its callers");
    return step == SQLITE_DONE ? 0 : store_error(loader->db, loader->err, "read", loader->path);
}

/* What SQLite says about the question, or about the file. */
static int failed(struct query *query, struct err *err)
{
    sqlite3 *db = query->loader.db;
    const char *path = query->loader.path, *said = sqlite3_errmsg(db);
    if (query->too_much_memory)
        return err_set(err, ERR_BAD_INPUT,
                       "cannot ask %.400s: it needs more than %d MB of memory; narrow it with WHERE", path,
                       QUERY_BYTES_MAX / 1024 / 1024);
    switch (sqlite3_errcode(db)) {
    case SQLITE_AUTH:
        return err_set(err, ERR_BAD_INPUT, "cannot ask %.400s: %.400s; a query reads the recording and nothing else",
                       path, said);
    case SQLITE_ERROR:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_BAD_INPUT, "cannot ask %.400s: %.400s%s", path, said,
                       strncmp(said, "no such", 7) == 0 ? "; keisoku query FILE lists the views and their columns"
                                                        : "");
    default:
        return store_error(db, err, "ask", path);
    }
}

static int prepare(struct query *query, const char *sql, struct err *err)
{
    const char *tail = NULL;
    sqlite3_stmt *more = NULL;
    const char *path = query->loader.path;
    if (sqlite3_prepare_v2(query->loader.db, sql, -1, &query->statement, &tail) != SQLITE_OK)
        return failed(query, err);
    if (query->statement == NULL)
        return err_set(err, ERR_BAD_INPUT, "cannot ask %.400s: the query is empty; try 'SELECT * FROM functions'",
                       path);
    int rc = sqlite3_prepare_v2(query->loader.db, tail, -1, &more, NULL);
    sqlite3_finalize(more);
    if (rc != SQLITE_OK || more != NULL)
        return err_set(err, ERR_BAD_INPUT,
                       "cannot ask %.400s: there is more behind the first statement; ask one thing"
                       " at a time",
                       path);
    if (!sqlite3_stmt_readonly(query->statement) || sqlite3_stmt_isexplain(query->statement) == 2)
        return err_set(err, ERR_BAD_INPUT, "cannot ask %.400s: a query reads the recording and nothing else", path);
    return 0;
}

static int open_query(struct query *query, const char *path, const char *sql, struct err *err)
{
    query->loader = (struct loader){.path = path, .err = err};
    query->memory_before = sqlite3_memory_used();
    int rc = loader_open(&query->loader);
    if (rc == 0)
        rc = check_stacks(query);
    if (rc == 0) {
        store_exec(query->loader.db, "PRAGMA temp_store=MEMORY"); /* what it sorts counts, and lies in no file */
        rc = make_views(query);
    }
    if (rc != 0)
        return rc;
    sqlite3 *db = query->loader.db;
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, look_at_memory, query);
    if (sql == NULL)
        return prepare(query, list_of_views, err);
    store_exec(db, "PRAGMA query_only=ON");
    sqlite3_set_authorizer(db, authorize, NULL);
    return prepare(query, sql, err);
}

int query_new(const char *path, const char *sql, struct query **result, struct err *err)
{
    *result = NULL;
    struct query *query = mem_zalloc(1, sizeof *query);
    if (query == NULL)
        return err_set(err, ERR_NOMEM, "cannot ask %.900s: out of memory", path);
    int rc = open_query(query, path, sql, err);
    query->loader.err = NULL; /* the caller's, for as long as this call */
    if (rc == 0)
        *result = query;
    else
        query_free(query);
    return rc;
}

void query_free(struct query *query)
{
    if (query == NULL)
        return;
    sqlite3_finalize(query->statement);
    sqlite3_close(query->loader.db);
    mem_free(query);
}

size_t query_columns(const struct query *query)
{
    return (size_t)sqlite3_column_count(query->statement);
}

const char *query_column_name(const struct query *query, size_t column)
{
    const char *name = sqlite3_column_name(query->statement, (int)column);
    return name != NULL ? name : "";
}

int query_step(struct query *query, struct err *err)
{
    int step = sqlite3_step(query->statement);
    if (step == SQLITE_ROW)
        return 1;
    return step == SQLITE_DONE ? 0 : failed(query, err);
}

struct query_value query_value(const struct query *query, size_t column)
{
    struct query_value value = {.kind = QUERY_NULL, .text = ""};
    sqlite3_stmt *statement = query->statement;
    switch (sqlite3_column_type(statement, (int)column)) {
    case SQLITE_INTEGER:
        value.kind = QUERY_INTEGER;
        value.integer = sqlite3_column_int64(statement, (int)column);
        break;
    case SQLITE_FLOAT:
        value.kind = QUERY_REAL;
        value.real = sqlite3_column_double(statement, (int)column);
        break;
    case SQLITE_NULL:
        break;
    default: {
        const char *text = sqlite3_column_blob(statement, (int)column);
        value.kind = QUERY_TEXT;
        value.text = text != NULL ? text : "";
        value.length = (size_t)sqlite3_column_bytes(statement, (int)column);
    }
    }
    return value;
}
