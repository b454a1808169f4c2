/* A C library whose input and output fails when a test says so; loaded before the real one (LD_PRELOAD).
 *
 * FAULTS_CONTROL names a file of struct control that test and processes share; FAULTS_FOLDER the folder whose files
 * may fail. Sockets are those of AF_INET. A call that fails does nothing but set errno. The wall clock can be set, too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { NEVER, ONCE, FOREVER };
enum { FILES = 1, SOCKETS = 2, DESCRIPTORS = 4 };

struct control {
    int mode, kinds, error;
    int countdown; /* calls until the one that fails */
    int calls;     /* calls that could have failed */
    int faults;    /* calls that did */
    int ahead;     /* seconds by which the wall clock is wrong */
};

#define DESCRIPTOR_COUNT 65536
static struct control *control;
static const char *folder;
static char ours[DESCRIPTOR_COUNT]; /* descriptors of files in the folder */

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_CONTROL");
    folder = getenv("FAULTS_FOLDER");
    if (!path || !folder)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED)
        control = shared;
}

static int fails(int kind)
{
    if (!control || control->mode == NEVER || !(control->kinds & kind))
        return 0;
    __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
    int left = __atomic_sub_fetch(&control->countdown, 1, __ATOMIC_SEQ_CST);
    if (left > 0 || (left < 0 && control->mode == ONCE))
        return 0;
    __atomic_add_fetch(&control->faults, 1, __ATOMIC_SEQ_CST);
    errno = control->error;
    return 1;
}

static int is_ours(int fd) { return fd >= 0 && fd < DESCRIPTOR_COUNT && ours[fd]; }

static int is_network(int fd)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    int before = errno, known = getsockname(fd, (struct sockaddr *)&name, &length) == 0;
    errno = before;
    return known && name.ss_family == AF_INET;
}

static int file_fails(int fd) { return is_ours(fd) && fails(FILES); }
static int socket_fails(int fd) { return control && (control->kinds & SOCKETS) && is_network(fd) && fails(SOCKETS); }
static int in_folder(const char *path) { return control && strncmp(path, folder, strlen(folder)) == 0; }

static int opened(int fd, const char *path)
{
    if (fd >= 0 && fd < DESCRIPTOR_COUNT)
        ours[fd] = in_folder(path) != 0;
    return fd;
}

#define OPEN(name)                                                                                                    \
    int name(const char *path, int flags, ...)                                                                        \
    {                                                                                                                 \
        REAL(name);                                                                                                   \
        va_list rest;                                                                                                 \
        va_start(rest, flags);                                                                                        \
        mode_t mode = va_arg(rest, mode_t);                                                                           \
        va_end(rest);                                                                                                 \
        if ((in_folder(path) && fails(FILES)) || fails(DESCRIPTORS))                                                  \
            return -1;                                                                                                \
        return opened(real(path, flags, mode), path);                                                                 \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                  \
    int name(int at, const char *path, int flags, ...)                                                                \
    {                                                                                                                 \
        REAL(name);                                                                                                   \
        va_list rest;                                                                                                 \
        va_start(rest, flags);                                                                                        \
        mode_t mode = va_arg(rest, mode_t);                                                                           \
        va_end(rest);                                                                                                 \
        if ((in_folder(path) && fails(FILES)) || fails(DESCRIPTORS))                                                  \
            return -1;                                                                                                \
        return opened(real(at, path, flags, mode), path);                                                             \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL(close);
    if (fd >= 0 && fd < DESCRIPTOR_COUNT)
        ours[fd] = 0;
    return real(fd);
}

#define GUARDED(fault, type, name, parameters, arguments)                                                             \
    type name parameters                                                                                              \
    {                                                                                                                 \
        REAL(name);                                                                                                   \
        return (fault) ? -1 : real arguments;                                                                         \
    }
#define ON_FILE(...) GUARDED(file_fails(fd), __VA_ARGS__)
#define ON_SOCKET(...) GUARDED(socket_fails(fd), __VA_ARGS__)
#define ON_BOTH(...) GUARDED(file_fails(fd) || socket_fails(fd), __VA_ARGS__)

ON_FILE(ssize_t, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
ON_FILE(ssize_t, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
ON_FILE(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), (fd, from, size, at))
ON_FILE(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at), (fd, from, size, at))
ON_FILE(int, fsync, (int fd), (fd))
ON_FILE(int, fdatasync, (int fd), (fd))
ON_FILE(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, (int fd, off64_t size), (fd, size))
ON_FILE(int, fchmod, (int fd, mode_t mode), (fd, mode))

ON_SOCKET(ssize_t, send, (int fd, const void *from, size_t size, int flags), (fd, from, size, flags))
ON_SOCKET(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
ON_SOCKET(ssize_t, recv, (int fd, void *to, size_t size, int flags), (fd, to, size, flags))
ON_SOCKET(int, shutdown, (int fd, int how), (fd, how))
ON_SOCKET(ssize_t, sendto,
          (int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length),
          (fd, from, size, flags, to, length))
ON_SOCKET(ssize_t, recvfrom,
          (int fd, void *to, size_t size, int flags, struct sockaddr *from, socklen_t *length),
          (fd, to, size, flags, from, length))

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    REAL(connect);
    return to->sa_family == AF_INET && fails(SOCKETS) ? -1 : real(fd, to, length);
}

int accept4(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
    REAL(accept4);
    return is_network(fd) && (fails(SOCKETS) || fails(DESCRIPTORS)) ? -1 : real(fd, from, length, flags);
}

int socket(int family, int kind, int protocol)
{
    REAL(socket);
    return family == AF_INET && (fails(SOCKETS) || fails(DESCRIPTORS)) ? -1 : real(family, kind, protocol);
}

ON_BOTH(ssize_t, read, (int fd, void *to, size_t size), (fd, to, size))
ON_BOTH(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))

/* The wall clock; the monotonic one, which nobody can set, stays as it is. */

int clock_gettime(clockid_t clock, struct timespec *at)
{
    REAL(clock_gettime);
    int result = real(clock, at);
    if (result == 0 && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        at->tv_sec += control->ahead;
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    REAL(gettimeofday);
    int result = real(at, zone);
    if (result == 0 && control)
        at->tv_sec += control->ahead;
    return result;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at)
        *at = now.tv_sec;
    return now.tv_sec;
}
