/* Loaded into a process with LD_PRELOAD, it counts what the process does to files below one folder, and at the n-th
   such call kills the process or makes the call fail. For tests only; see bench/crash.py.

   fault_arm(folder, n, action, error) starts counting at 0; fault_count() says how far it has come.
   Actions: 0 only count, 1 kill before the call, 2 kill when half of it is written, 3 kill after the call,
   4 fail this once with `error`, 5 fail this and every later call that needs room on the disk, 6 only write each
   call and its path to the descriptor `error`. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static char folder[PATH_MAX];
static size_t folder_length;
static long nth, count;
static int action, failure, armed;
static char met[PATH_MAX]; /* the path that the last call was about */

void fault_arm(const char *path, long n, int what, int error) {
    strncpy(folder, path, sizeof folder - 1);
    folder_length = strlen(folder);
    nth = n;
    count = 0;
    action = what;
    failure = error;
    armed = 1;
}

void fault_disarm(void) { armed = 0; }
long fault_count(void) { return count; }

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int below(const char *path) {
    if (strncmp(path, folder, folder_length) != 0 || (path[folder_length] != '/' && path[folder_length] != 0)) return 0;
    strncpy(met, path, sizeof met - 1);
    return 1;
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

static int at_below(int directory, const char *path) {
    if (!path) return 0;
    if (path[0] == '/' || directory == AT_FDCWD) return below(path);
    if (!fd_below(directory)) return 0;
    strncat(met, "/", sizeof met - strlen(met) - 1);
    strncat(met, path, sizeof met - strlen(met) - 1);
    return 1;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

enum { PASS, HALF, DIE_AFTER, FAIL };

/* What is to become of a call; `room`: it needs room on the disk. */
static int verdict(int room, const char *call) {
    long now = ++count;
    if (action == 6) {
        char line[PATH_MAX + 32];
        int length = snprintf(line, sizeof line, "%s %s\n", call, met);
        if (syscall(SYS_write, failure, line, length) != length) die();
        return PASS;
    }
    if (action == 5) {
        if (now >= nth && room) { errno = failure; return FAIL; }
        return PASS;
    }
    if (now != nth) return PASS;
    switch (action) {
    case 1: die();
    case 2: if (room) return HALF; die();
    case 3: return DIE_AFTER;
    case 4: errno = failure; return FAIL;
    }
    return PASS;
}

#define JUDGE(applies, room, failed) \
    int fate = armed && (applies) ? verdict(room, __func__) : PASS; \
    if (fate == FAIL) return failed

#define GIVE(value) do { if (fate == DIE_AFTER || fate == HALF) die(); return value; } while (0)

/* --- what needs room --- */

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    JUDGE(fd_below(fd), 1, -1);
    ssize_t done = real(fd, data, fate == HALF ? size / 2 : size);
    GIVE(done);
}

static ssize_t pwrite_(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t);
    JUDGE(fd_below(fd), 1, -1);
    ssize_t done = real(fd, data, fate == HALF ? size / 2 : size, at);
    GIVE(done);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite_(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) { return pwrite_(fd, data, size, at); }

size_t fwrite(const void *data, size_t size, size_t items, FILE *stream) {
    REAL(size_t, "fwrite", const void *, size_t, size_t, FILE *);
    JUDGE(fd_below(fileno(stream)), 1, 0);
    size_t done = real(data, size, fate == HALF ? items / 2 : items, stream);
    if (fate != PASS) fflush(stream);
    GIVE(done);
}

/* What a stream still holds is written when it is closed, and few look at what fclose says: a failure here leaves a
   file cut short. */
int fclose(FILE *stream) {
    REAL(int, "fclose", FILE *);
    int fd = fileno(stream);
    int fate = armed && fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY && fd_below(fd) ? verdict(1, __func__) : PASS;
    int why = errno;
    if (fate == HALF || fate == FAIL) {
        struct stat about;
        fflush(stream);
        if (fstat(fd, &about) == 0 && ftruncate(fd, about.st_size / 2) != 0) why = EIO;
    }
    int done = real(stream);
    if (fate == FAIL) { errno = why; return EOF; }
    GIVE(done);
}

static int ftruncate_(int fd, off_t size) {
    REAL(int, "ftruncate64", int, off_t);
    JUDGE(fd_below(fd), 1, -1);
    int done = real(fd, size);
    GIVE(done);
}
int ftruncate(int fd, off_t size) { return ftruncate_(fd, size); }
int ftruncate64(int fd, off_t size) { return ftruncate_(fd, size); }

static int open_(int directory, const char *path, int flags, mode_t mode) {
    REAL(int, "openat64", int, const char *, int, ...);
    JUDGE((flags & O_CREAT) && at_below(directory, path), 1, -1);
    int fd = real(directory, path, flags, mode);
    GIVE(fd);
}
#define MODE(last) mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list rest; va_start(rest, last); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE(flags) return open_(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return open_(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return open_(at, path, flags, mode); }

static FILE *fopen_(const char *path, const char *how) {
    REAL(FILE *, "fopen64", const char *, const char *);
    JUDGE(strpbrk(how, "wa+") && below(path), 1, NULL);
    FILE *stream = real(path, how);
    GIVE(stream);
}
FILE *fopen(const char *path, const char *how) { return fopen_(path, how); }
FILE *fopen64(const char *path, const char *how) { return fopen_(path, how); }

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    JUDGE(below(path), 1, -1);
    int done = real(path, mode);
    GIVE(done);
}

int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    JUDGE(below(to), 1, -1);
    int done = real(from, to);
    GIVE(done);
}

/* --- what does not --- */

int fsync(int fd) {
    REAL(int, "fsync", int);
    JUDGE(fd_below(fd), 0, -1);
    int done = real(fd);
    GIVE(done);
}

int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    JUDGE(fd_below(fd), 0, -1);
    int done = real(fd);
    GIVE(done);
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    JUDGE(below(to) || below(from), 0, -1);
    int done = real(from, to);
    GIVE(done);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *);
    JUDGE(below(path), 0, -1);
    int done = real(path);
    GIVE(done);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    JUDGE(at_below(directory, path), 0, -1);
    int done = real(directory, path, flags);
    GIVE(done);
}

int rmdir(const char *path) {
    REAL(int, "rmdir", const char *);
    JUDGE(below(path), 0, -1);
    int done = real(path);
    GIVE(done);
}
