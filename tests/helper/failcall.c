/*
 * failcall: runs a command in which a system call fails, as that of a broken
 * disk does.
 *
 *   failcall read|sync|list ERRNO CMD [ARG ...]
 *
 *   read   reads of files at an offset (preadv)
 *   sync   fsync and fdatasync
 *   list   readdir
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned a = strcmp(what, "read") == 0   ? SYS_preadv
		     : strcmp(what, "sync") == 0 ? SYS_fsync
						 : SYS_getdents64;
	unsigned b = strcmp(what, "read") == 0   ? SYS_preadv2
		     : strcmp(what, "sync") == 0 ? SYS_fdatasync
						 : SYS_getdents64;
	unsigned code = argc > 2 ? (unsigned)atoi(argv[2]) : EIO;
	struct sock_filter filter[] = {
	    BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
	    .len = sizeof(filter) / sizeof(filter[0]),
	    .filter = filter,
	};

	if (argc < 4)
		return 126;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("failcall");
		return 126;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 126;
}
