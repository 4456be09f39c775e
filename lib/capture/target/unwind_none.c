/* In place of unwind.c where the build found no libdw. */
#include "capture/target/unwind.h"

int unwinder_new(struct unwinder **result, struct err *err)
{
    *result = NULL;
    return err_set(err, ERR_NOT_SUPPORTED, "this keisoku was built without it; build again where libdw is");
}

void unwinder_free(struct unwinder *unwinder)
{
    (void)unwinder;
}

enum unwind_result unwind_step(struct unwinder *unwinder, pid_t pid, const struct proc_maps *maps,
                               const struct proc_map *map, struct unwind_frame *frame)
{
    (void)unwinder;
    (void)pid;
    (void)maps;
    (void)map;
    (void)frame;
    return UNWIND_CUT;
}
