// Processes that belong together.
#include "CZeroth.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int zeroth_end_with_parent(int parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  return getppid() == parent;
}
