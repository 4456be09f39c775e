#include "capture/control_place.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void control_address(const struct stat *file, int place, struct sockaddr_un *address)
{
    static const char *const places[CONTROL_PLACES] = {"/run/user/%u/keisoku", "/tmp/keisoku-%u"};
    char directory[64];
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(directory, sizeof directory, places[place], (unsigned)file->st_uid);
#pragma GCC diagnostic pop
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%llx-%llx", directory, (unsigned long long)file->st_dev,
             (unsigned long long)file->st_ino);
}

bool control_directory(const struct sockaddr_un *address, bool make)
{
    char path[sizeof address->sun_path];
    struct stat status;
    snprintf(path, sizeof path, "%s", address->sun_path);
    *strrchr(path, '/') = '\0';
    if (make)
        mkdir(path, 0700); /* fails where it is there: then it is looked at */
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           (status.st_mode & 077) == 0;
}

bool control_peer(int fd, uid_t *user)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer)
        return false;
    *user = peer.uid;
    return true;
}
