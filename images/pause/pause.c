/*
 * Holds the namespaces of a pod open. As PID 1 of a shared PID namespace it also inherits orphans and reaps them.
 *
 * `pause -v` prints its version and ends with success: kubeadm's upgrade health check runs exactly that as a Job.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

static void stop(int number) {
  (void)number;
  _exit(0);
}

static void reap(int number) {
  int saved = errno;
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  errno = saved;
}

static int on(int number, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  return sigaction(number, &action, NULL);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "-v") == 0) {
    return puts("pause " VERSION) == EOF;
  }
  if (on(SIGINT, stop, 0) || on(SIGTERM, stop, 0) || on(SIGCHLD, reap, SA_NOCLDSTOP)) {
    perror("pause: sigaction");
    return 1;
  }
  for (;;) {
    pause();
  }
}
