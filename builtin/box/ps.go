//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// proc is what /proc says of a process.
type proc struct {
	pid, ppid, pgrp, session int
	uid                      int
	state                    string
	comm                     string
	args                     []string
	tty                      int
	ticks, start             uint64
	vsize, rss               uint64
}

const clockTicks = 100 // a second; so on every Linux that Go runs on

func processes() ([]proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []proc
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProc(pid); ok {
				list = append(list, p)
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].pid < list[j].pid })
	return list, nil
}

func readProc(pid int) (p proc, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	raw, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, false // gone
	}
	// the name in parentheses may hold anything
	open, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	if open < 0 || end < open {
		return p, false
	}
	w := strings.Fields(string(raw[end+1:]))
	if len(w) < 22 {
		return p, false
	}
	num := func(i int) int { n, _ := strconv.Atoi(w[i]); return n }
	big := func(i int) uint64 { n, _ := strconv.ParseUint(w[i], 10, 64); return n }
	p = proc{pid: pid, comm: string(raw[open+1 : end]), state: w[0], ppid: num(1), pgrp: num(2), session: num(3), tty: num(4),
		ticks: big(11) + big(12), start: big(19), vsize: big(20), rss: big(21) * uint64(os.Getpagesize())}
	if info, err := os.Stat(dir); err == nil {
		p.uid = int(info.Sys().(*syscall.Stat_t).Uid)
	}
	if line, err := os.ReadFile(dir + "/cmdline"); err == nil && len(line) > 0 {
		p.args = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	}
	return p, true
}

func (p proc) command() string {
	if len(p.args) == 0 {
		return "[" + p.comm + "]"
	}
	return strings.ReplaceAll(strings.Join(p.args, " "), "\n", " ")
}

func upSeconds() float64 {
	raw, _ := os.ReadFile("/proc/uptime")
	first, _, _ := strings.Cut(string(raw), " ")
	s, _ := strconv.ParseFloat(first, 64)
	return s
}

func (p proc) age() time.Duration {
	return time.Duration((upSeconds() - float64(p.start)/clockTicks) * float64(time.Second))
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// psColumns are what -o knows: the heading and the value.
func psColumns(name string) (string, func(proc) string, bool) {
	number := func(f func(proc) int) func(proc) string { return func(p proc) string { return strconv.Itoa(f(p)) } }
	switch name {
	case "pid":
		return "PID", number(func(p proc) int { return p.pid }), true
	case "ppid":
		return "PPID", number(func(p proc) int { return p.ppid }), true
	case "pgid", "pgrp":
		return "PGID", number(func(p proc) int { return p.pgrp }), true
	case "sid", "sess":
		return "SID", number(func(p proc) int { return p.session }), true
	case "uid", "euid":
		return "UID", number(func(p proc) int { return p.uid }), true
	case "user", "euser":
		return "USER", func(p proc) string { return userName(p.uid) }, true
	case "comm", "ucmd":
		return "COMMAND", func(p proc) string { return p.comm }, true
	case "args", "cmd", "command":
		return "COMMAND", proc.command, true
	case "stat", "state", "s":
		return "STAT", func(p proc) string { return p.state }, true
	case "time":
		return "TIME", func(p proc) string { return clock(time.Duration(p.ticks) * time.Second / clockTicks) }, true
	case "etime":
		return "ELAPSED", func(p proc) string { return clock(p.age()) }, true
	case "etimes":
		return "ELAPSED", func(p proc) string { return strconv.Itoa(int(p.age().Seconds())) }, true
	case "vsz":
		return "VSZ", func(p proc) string { return strconv.FormatUint(p.vsize/1024, 10) }, true
	case "rss":
		return "RSS", func(p proc) string { return strconv.FormatUint(p.rss/1024, 10) }, true
	case "tty", "tt":
		return "TTY", func(p proc) string {
			if p.tty == 0 {
				return "?"
			}
			return fmt.Sprintf("%d,%d", p.tty>>8&0xfff, p.tty&0xff)
		}, true
	}
	return "", nil, false
}

// ps lists all processes; in a sandbox they are all of interest, so the flags that choose are few.
func ps(c *call) int {
	if len(c.args) > 0 && !strings.HasPrefix(c.args[0], "-") { // ps aux
		c.args[0] = "-" + strings.Map(func(r rune) rune {
			if strings.ContainsRune("axuwe", r) {
				return -1
			}
			return r
		}, c.args[0]) + "F"
	}
	f := c.flags("[-ef] [-o COLUMN,...] [-p PID,...] [-C NAME]")
	f.BoolP("all", "e", false, "all processes (always so)")
	f.BoolP("A", "A", false, "the same")
	f.BoolP("a", "a", false, "the same")
	f.BoolP("x", "x", false, "the same")
	f.BoolP("w", "w", false, "taken: lines are never cut")
	full := f.BoolP("full", "f", false, "user, parent, start and arguments")
	fuller := f.BoolP("u", "F", false, "user, sizes and arguments")
	long := f.BoolP("l", "l", false, "like -f")
	columns := f.StringArrayP("format", "o", nil, "pid ppid pgid sid uid user comm args stat time etime vsz rss tty; NAME= for no heading")
	pids := f.StringSliceP("pid", "p", nil, "these processes")
	name := f.StringP("command", "C", "", "processes of this name")
	if status, ok := c.parse(f); !ok {
		return status
	}
	wanted := "pid,user,time,args"
	switch {
	case len(*columns) > 0:
		wanted = strings.Join(*columns, ",")
	case *fuller:
		wanted = "user,pid,vsz,rss,tty,stat,time,args"
	case *full || *long:
		wanted = "user,pid,ppid,tty,stat,time,args"
	}
	var heads []string
	var cells []func(proc) string
	headed := false
	for _, col := range strings.Split(wanted, ",") {
		key, title, own := strings.Cut(strings.TrimSpace(col), "=")
		head, cell, ok := psColumns(key)
		if !ok {
			return c.usage("%s: unknown column", key)
		}
		if own {
			head = title
		}
		headed = headed || head != ""
		heads, cells = append(heads, head), append(cells, cell)
	}
	list, err := processes()
	if err != nil {
		c.fail(err)
		return 1
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 1, ' ', 0)
	if headed {
		fmt.Fprintln(w, strings.Join(heads, "\t"))
	}
	found := false
	for _, p := range list {
		if len(*pids) > 0 && !slices.Contains(*pids, strconv.Itoa(p.pid)) || *name != "" && p.comm != *name {
			continue
		}
		found = true
		var row []string
		for _, cell := range cells {
			row = append(row, cell(p))
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	if !found {
		return 1
	}
	return 0
}

func pidof(c *call) int {
	f := c.flags("[-s] NAME...")
	single := f.BoolP("single", "s", false, "one only")
	if status, ok := c.parse(f); !ok {
		return status
	}
	list, err := processes()
	if err != nil {
		c.fail(err)
		return 1
	}
	var pids []string
	for _, p := range slices.Backward(list) {
		if p.pid == os.Getpid() {
			continue
		}
		for _, name := range c.args {
			if p.comm == name || len(p.args) > 0 && filepath.Base(p.args[0]) == filepath.Base(name) {
				pids = append(pids, strconv.Itoa(p.pid))
			}
		}
	}
	if len(pids) == 0 {
		return 1
	}
	if *single {
		pids = pids[:1]
	}
	fmt.Fprintln(c.out, strings.Join(pids, " "))
	return 0
}

// pgrep is pkill too.
func pgrep(c *call) int {
	sig := syscall.SIGTERM
	if c.name == "pkill" && len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' {
		if s, ok := parseSignal(c.args[0][1:]); ok {
			sig, c.args = s, c.args[1:]
		}
	}
	f := c.flags("[-flxvn] [-u USER] [-P PPID] [PATTERN]")
	full := f.BoolP("full", "f", false, "the whole command line")
	list := f.BoolP("list-name", "l", false, "names as well")
	listFull := f.BoolP("list-full", "a", false, "command lines as well")
	exact := f.BoolP("exact", "x", false, "all of it must match")
	newest := f.BoolP("newest", "n", false, "the newest only")
	parent := f.IntP("parent", "P", -1, "children of this process")
	user := f.StringP("euid", "u", "", "processes of this user")
	count := f.BoolP("count", "c", false, "how many")
	signal := f.String("signal", "", "the signal, for pkill")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if *signal != "" {
		var ok bool
		if sig, ok = parseSignal(*signal); !ok {
			return c.usage("%s: unknown signal", *signal)
		}
	}
	uid := -1
	if *user != "" {
		var err error
		if uid, err = userID(*user); err != nil {
			return c.usage("%v", err)
		}
	}
	if len(c.args) > 1 || len(c.args) == 0 && *parent < 0 && uid < 0 {
		return c.usage("give one pattern")
	}
	pattern := ""
	if len(c.args) == 1 {
		pattern = posixToGo(c.args[0], true)
	}
	if *exact {
		pattern = "^(?:" + pattern + ")$"
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return c.usage("invalid pattern")
	}
	all, err := processes()
	if err != nil {
		c.fail(err)
		return 3
	}
	var hits []proc
	for _, p := range all {
		text := p.comm
		if *full {
			text = p.command()
		}
		if p.pid != os.Getpid() && re.MatchString(text) && (*parent < 0 || p.ppid == *parent) && (uid < 0 || p.uid == uid) {
			hits = append(hits, p)
		}
	}
	if *newest && len(hits) > 1 {
		sort.SliceStable(hits, func(i, j int) bool { return hits[i].start > hits[j].start })
		hits = hits[:1]
	}
	for _, p := range hits {
		switch {
		case c.name == "pkill":
			if err := syscall.Kill(p.pid, sig); err != nil {
				c.errorf("%d: %s", p.pid, errText(err))
			}
		case *count:
		case *listFull:
			fmt.Fprintln(c.out, p.pid, p.command())
		case *list:
			fmt.Fprintln(c.out, p.pid, p.comm)
		default:
			fmt.Fprintln(c.out, p.pid)
		}
	}
	if *count {
		fmt.Fprintln(c.out, len(hits))
	}
	if len(hits) == 0 {
		return 1
	}
	return c.status()
}

func kill(c *call) int { return killAll(c.name, c.args, c.out, c.err) }

// killAll is kill, for the tool and for the shell.
func killAll(prefix string, args []string, out, errs io.Writer) int {
	usage := func() int {
		fmt.Fprintf(errs, "%s: usage: kill [-SIGNAL | -s SIGNAL] PID... | -l [STATUS]\n", prefix)
		return 2
	}
	sig := syscall.SIGTERM
	if len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		arg := args[0]
		switch {
		case arg == "-l" || arg == "-L":
			return killList(prefix, args[1:], out, errs)
		case arg == "--":
			args = args[1:]
		default:
			name := arg[1:]
			args = args[1:]
			if name == "s" || name == "n" {
				if len(args) == 0 {
					return usage()
				}
				name, args = args[0], args[1:]
			}
			var ok bool
			if sig, ok = parseSignal(strings.TrimPrefix(name, "s=")); !ok {
				fmt.Fprintf(errs, "%s: %s: invalid signal\n", prefix, name)
				return 2
			}
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
		}
	}
	if len(args) == 0 {
		return usage()
	}
	status := 0
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			fmt.Fprintf(errs, "%s: %s: not a process\n", prefix, arg)
			status = 1
			continue
		}
		if err := syscall.Kill(pid, sig); err != nil {
			fmt.Fprintf(errs, "%s: (%d) - %s\n", prefix, pid, errText(err))
			status = 1
		}
	}
	return status
}

func killList(prefix string, args []string, out, errs io.Writer) int {
	for _, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			sig, ok := parseSignal(arg)
			if !ok {
				fmt.Fprintf(errs, "%s: %s: invalid signal\n", prefix, arg)
				return 1
			}
			fmt.Fprintln(out, int(sig))
			continue
		}
		fmt.Fprintln(out, signalName(syscall.Signal(n%128)))
	}
	if len(args) == 0 {
		for sig := syscall.Signal(1); sig < 32; sig++ {
			fmt.Fprintf(out, "%2d) SIG%s\n", sig, signalName(sig))
		}
	}
	return 0
}
