//go:build linux

package main

// applets are the tools by name.
func applets() map[string]func(*call) int {
	return map[string]func(*call) int{
		"sh": runSh, "bash": runSh, "ash": runSh,
		"echo": echo, "printf": printfTool, "test": shellBuiltin, "[": shellBuiltin,
		"true": func(*call) int { return 0 }, "false": func(*call) int { return 1 },

		"ls": ls, "cp": cp, "mv": mv, "rm": rm, "rmdir": rmdir, "mkdir": mkdir, "ln": ln, "touch": touch, "mktemp": mktemp,
		"mkfifo": mkfifo, "truncate": truncate, "chmod": chmod, "chown": chown, "chgrp": chown, "stat": stat,
		"readlink": readlink, "realpath": realpath, "basename": basename, "dirname": dirname, "find": find, "du": du, "df": df,
		"dd": dd, "sync": syncDisks,

		"cat": cat, "tac": tac, "rev": rev, "tee": tee, "head": head, "tail": tail, "wc": wc, "nl": nl, "sort": sortLines, "uniq": uniq,
		"grep": grep, "egrep": grep, "fgrep": grep, "sed": sed, "tr": tr, "cut": cut, "paste": paste, "fold": fold, "comm": comm,
		"cmp": cmp, "diff": diff, "seq": seq, "yes": yes, "od": od, "xxd": xxd, "expr": expr,

		"tar": tarTool, "gzip": gzipTool, "gunzip": gzipTool, "zcat": gzipTool, "base64": base64Tool,
		"md5sum": sum, "sha1sum": sum, "sha256sum": sum, "sha512sum": sum, "cksum": cksum,

		"ps": ps, "kill": kill, "pidof": pidof, "pgrep": pgrep, "pkill": pgrep, "sleep": sleep, "timeout": timeout, "nohup": nohup,
		"setsid": setsid, "nice": nice, "xargs": xargs, "env": env, "printenv": printenv, "id": id, "whoami": whoami,
		"groups": groups, "uname": uname, "arch": arch, "hostname": hostname, "nproc": nproc, "pwd": pwd, "date": date, "tty": tty,
		"which": which, "free": free, "uptime": uptime, "nc": nc, "clear": func(c *call) int { c.out.WriteString("\x1b[H\x1b[2J"); return 0 },
	}
}
