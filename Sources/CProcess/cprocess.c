#include "cprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int signal_pipe_writer = -1;

// Everything up to exec is async-signal-safe: other threads may have held any lock at the moment of the fork.
static void run_child(const struct cprocess_command *command, pid_t parent, int output, int report) {
    int input = open("/dev/null", O_RDONLY);
    if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) goto failed;
    if (input > 2) close(input);
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) goto failed;
    if (getppid() != parent) _exit(127);  // It died before the line above took effect.
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) goto failed;
    // Ignored signals stay ignored across exec, and Python would not notice a closed pipe.
    signal(SIGPIPE, SIG_DFL);
    if (command->directory != NULL && chdir(command->directory) < 0) goto failed;
    execve(command->path, command->arguments, command->environment);
failed:;
    int error = errno;
    ssize_t written = write(report, &error, sizeof error);
    _exit(written == (ssize_t)sizeof error ? 126 : 127);
}

// Forks; returns the process id when exec has worked.
static pid_t start_writing_to(const struct cprocess_command *command, int output) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0) run_child(command, parent, output, report[1]);
    int error = child < 0 ? errno : 0;
    close(report[1]);
    if (child > 0) {
        ssize_t count;
        // Ends with end-of-file when exec succeeds: the pipe's other end is closed by it.
        do count = read(report[0], &error, sizeof error);
        while (count < 0 && errno == EINTR);
        if (count > 0) waitpid(child, NULL, 0);
        if (count <= 0) error = 0;
    }
    close(report[0]);
    return error != 0 ? -error : child;
}

pid_t cprocess_start(const struct cprocess_command *command, int *output) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t child = start_writing_to(command, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return child;
    }
    // Cannot fail for a descriptor that is open.
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *output = ends[0];
    return child;
}

static void note_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    // A full pipe means that the reader has enough to do already.
    ssize_t ignored = write(signal_pipe_writer, &byte, 1);
    (void)ignored;
    errno = saved;
}

int cprocess_signal_pipe(const int *signals, int count) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -errno;
    signal_pipe_writer = ends[1];
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < count; index++) {
        if (sigaction(signals[index], &action, NULL) < 0) return -errno;
    }
    return ends[0];
}

int cprocess_is_main_thread(void) { return getpid() == gettid(); }

static int forget_segments(struct dl_phdr_info *object, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        // A hint: if it is refused, the pages just stay.
        if (end > start) madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void cprocess_forget_clean_pages(void) { dl_iterate_phdr(forget_segments, NULL); }

// Without it there are more heaps: nothing that a program could do about it.
void cprocess_share_heap(void) { (void)mallopt(M_ARENA_MAX, 1); }

void cprocess_forget_free_memory(void) { (void)malloc_trim(0); }
