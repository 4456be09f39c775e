/* Weak stand-ins for what has not landed yet. This file goes away with the last of them. */
#include "capture/cpython/python.h"
#include "data/profile.h"
#include "export/export.h"

#define WEAK           __attribute__((weak))
#define NOT_YET(error) ((error)->code = KEI_ERR_NOT_SUPPORTED, (error)->text[0] = '\0', KEI_ERR_NOT_SUPPORTED)

WEAK int kei_run(const struct kei_options *o, char *const a[], struct kei_session **s, struct kei_error *e)
{
    (void)o, (void)a, (void)s;
    return NOT_YET(e);
}
WEAK int kei_attach(const struct kei_options *o, const pid_t *p, size_t n, struct kei_session **s, struct kei_error *e)
{
    (void)o, (void)p, (void)n, (void)s;
    return NOT_YET(e);
}
WEAK int kei_session_wait(struct kei_session *s, int t, struct kei_status *status)
{
    (void)s, (void)t, (void)status;
    return KEI_ERR_NOT_SUPPORTED;
}
WEAK void kei_session_signal(struct kei_session *s, int n)
{
    (void)s, (void)n;
}
WEAK int kei_session_finish(struct kei_session *s, struct kei_result *r, struct kei_error *e)
{
    (void)s, (void)r;
    return NOT_YET(e);
}
WEAK void kei_session_free(struct kei_session *s)
{
    (void)s;
}
WEAK int kei_dump(pid_t pid, struct kei_dump **d, struct kei_error *e)
{
    (void)pid, (void)d;
    return NOT_YET(e);
}
WEAK void kei_dump_free(struct kei_dump *d)
{
    (void)d;
}
WEAK int profile_load(const char *path, struct profile **r, struct err *err)
{
    (void)path, (void)r;
    return err_set(err, ERR_NOT_SUPPORTED, "cannot open recordings yet");
}
WEAK void profile_free(struct profile *p)
{
    (void)p;
}
WEAK int diagnose(const struct profile *p, struct diagnosis **r)
{
    (void)p, (void)r;
    return ERR_NOT_SUPPORTED;
}
WEAK void diagnosis_free(struct diagnosis *d)
{
    (void)d;
}
WEAK const struct exporter *exporter_by_name(const char *name)
{
    (void)name;
    return NULL;
}
WEAK const struct exporter *exporter_table(size_t *count)
{
    *count = 0;
    return NULL;
}
WEAK int python_open(pid_t pid, struct python **r, bool *maybe, struct err *err)
{
    (void)pid, (void)r, (void)maybe;
    return err_set(err, ERR_NOT_SUPPORTED, "not yet");
}
WEAK void python_close(struct python *p)
{
    (void)p;
}
WEAK const struct python_info *python_info(const struct python *p)
{
    (void)p;
    return 0;
}
WEAK int aggregate_new(const struct profile *p, const struct filter *f, struct aggregate **r)
{
    (void)p, (void)f, (void)r;
    return ERR_NOT_SUPPORTED;
}
WEAK void aggregate_free(struct aggregate *a)
{
    (void)a;
}
WEAK int tree_new(const struct profile *p, const struct filter *f, bool by_line, struct tree **r)
{
    (void)p, (void)f, (void)by_line, (void)r;
    return ERR_NOT_SUPPORTED;
}
WEAK void tree_free(struct tree *t)
{
    (void)t;
}
WEAK const char *profile_short_file(const char *file)
{
    return file;
}
WEAK const char *profile_source_line(const struct profile *p, uint32_t file, uint32_t line, size_t *length)
{
    (void)p, (void)file, (void)line, (void)length;
    return 0;
}
