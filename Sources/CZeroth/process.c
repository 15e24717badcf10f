// Starts processes, and ties them to each other.
#define _GNU_SOURCE
#include "CZeroth.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int zeroth_end_with_parent(int parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return getppid() == parent;
}

int zeroth_make_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

// Between vfork and exec the child uses the memory of its parent, which waits. The child changes nothing in it but
// `error` and allocates no memory. So no page table is copied, however large the model is, and no library is told of
// the fork.
int zeroth_start_program(char *const arguments[], char *const environment[], const char *folder, int in, int out, int err) {
  volatile int error = 0;
  pid_t parent = getpid();
  pid_t child = vfork();
  if (child < 0) return -errno;
  if (child > 0) {
    if (!error) return child;
    waitpid(child, NULL, 0);
    return -error;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (chdir(folder) == 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0) {
    syscall(SYS_close_range, 3u, ~0u, 0u);
    execvpe(arguments[0], arguments, environment);
  }
  error = errno;
  _exit(127);
}
