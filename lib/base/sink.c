#include "base/sink.h"

#include "base/err.h"

#include <errno.h>
#include <unistd.h>

static int write_buf(void *context, const void *data, size_t size)
{
    struct buf *buf = context;
    buf_add(buf, data, size);
    return buf->failed ? ERR_NOMEM : 0;
}

struct sink sink_to_buf(struct buf *buf)
{
    return (struct sink){write_buf, buf};
}

static int write_fd(void *context, const void *data, size_t size)
{
    int fd = *(const int *)context;
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
        done += (size_t)n;
    }
    return 0;
}

struct sink sink_to_fd(const int *fd)
{
    return (struct sink){write_fd, (void *)(uintptr_t)fd};
}
