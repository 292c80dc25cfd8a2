package builtin

// tools are the names that the program is called by. A test compares them with what it says itself.
var tools = []string{
	"[", "arch", "ash", "base64", "basename", "bash", "cat", "chgrp", "chmod", "chown", "cksum", "clear", "cmp",
	"comm", "cp", "cut", "date", "dd", "df", "diff", "dirname", "du", "echo", "egrep", "env", "expr", "false",
	"fgrep", "find", "fold", "free", "grep", "groups", "gunzip", "gzip", "head", "hostname", "id", "kill", "ln",
	"ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nc", "nice", "nl", "nohup", "nproc", "od", "paste",
	"pgrep", "pidof", "pkill", "printenv", "printf", "ps", "pwd", "readlink", "realpath", "rev", "rm", "rmdir",
	"sed", "seq", "setsid", "sh", "sha1sum", "sha256sum", "sha512sum", "sleep", "sort", "stat", "sync", "tac",
	"tail", "tar", "tee", "test", "timeout", "touch", "tr", "true", "truncate", "tty", "uname", "uniq", "uptime",
	"wc", "which", "whoami", "xargs", "xxd", "yes", "zcat",
}
