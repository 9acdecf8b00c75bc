/* A slow disk: every sync takes 2 ms more. Loaded in front of libc with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static const struct timespec MORE = {0, 2 * 1000 * 1000};

static int slowly(const char *name, int fd)
{
    int (*sync)(int) = (int (*)(int)) dlsym(RTLD_NEXT, name);
    nanosleep(&MORE, 0);
    return sync(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
