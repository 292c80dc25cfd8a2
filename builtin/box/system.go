//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ncruces/go-strftime"
	"golang.org/x/sys/unix"
)

func uname(c *call) int {
	f := c.flags("[-asnrvmo]")
	var on [7]bool
	all := f.BoolP("all", "a", false, "everything")
	for i, o := range [][3]string{
		{"kernel-name", "s", "the system"}, {"nodename", "n", "the host"}, {"kernel-release", "r", "the release"},
		{"kernel-version", "v", "the version"}, {"machine", "m", "the machine"}, {"operating-system", "o", "GNU/Linux"}, {"processor", "p", "the machine"},
	} {
		f.BoolVarP(&on[i], o[0], o[1], false, o[2])
	}
	if status, ok := c.parse(f); !ok {
		return status
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		c.fail(err)
		return 1
	}
	text := unix.ByteSliceToString
	values := []string{text(u.Sysname[:]), text(u.Nodename[:]), text(u.Release[:]), text(u.Version[:]), text(u.Machine[:]), "Linux", text(u.Machine[:])}
	var out []string
	for i, value := range values {
		if on[i] || *all && i < 6 {
			out = append(out, value)
		}
	}
	if len(out) == 0 {
		out = values[:1]
	}
	fmt.Fprintln(c.out, strings.Join(out, " "))
	return 0
}

func arch(c *call) int {
	c.args = []string{"-m"}
	return uname(c)
}

func hostname(c *call) int {
	f := c.flags("[-sif] [NAME]")
	short := f.BoolP("short", "s", false, "up to the first dot")
	f.BoolP("fqdn", "f", false, "taken, and ignored")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if len(c.args) > 0 {
		if err := unix.Sethostname([]byte(c.args[0])); err != nil {
			c.fail(err)
			return 1
		}
		return 0
	}
	name, err := os.Hostname()
	if err != nil {
		c.fail(err)
		return 1
	}
	if *short {
		name, _, _ = strings.Cut(name, ".")
	}
	fmt.Fprintln(c.out, name)
	return 0
}

func nproc(c *call) int {
	f := c.flags("[--all] [--ignore N]")
	f.Bool("all", false, "taken, and ignored")
	ignore := f.Int("ignore", 0, "without so many")
	if status, ok := c.parse(f); !ok {
		return status
	}
	fmt.Fprintln(c.out, max(1, runtime.NumCPU()-*ignore))
	return 0
}

func pwd(c *call) int {
	f := c.flags("[-LP]")
	logical := f.BoolP("logical", "L", false, "as $PWD says, if that is right")
	f.BoolP("physical", "P", false, "without links (the default)")
	if status, ok := c.parse(f); !ok {
		return status
	}
	if p := os.Getenv("PWD"); *logical && filepath.IsAbs(p) {
		a, errA := os.Stat(p)
		b, errB := os.Stat(".")
		if errA == nil && errB == nil && os.SameFile(a, b) {
			fmt.Fprintln(c.out, p)
			return 0
		}
	}
	var buf [unix.PathMax]byte
	n, err := unix.Getcwd(buf[:])
	if err != nil {
		c.fail(err)
		return 1
	}
	fmt.Fprintln(c.out, unix.ByteSliceToString(buf[:n]))
	return 0
}

func date(c *call) int {
	f := c.flags("[-u] [-d TIME | -r FILE] [-I[SPEC]] [-R] [+FORMAT]")
	utc := f.BoolP("utc", "u", false, "in UTC")
	when := f.StringP("date", "d", "", "this time: now, @SECONDS, 2006-01-02T15:04:05Z, '2006-01-02 15:04', '3 days ago', ...")
	ref := f.StringP("reference", "r", "", "when this file was changed")
	iso := f.StringP("iso-8601", "I", "", "ISO 8601: date, hours, minutes, seconds or ns")
	f.Lookup("iso-8601").NoOptDefVal = "date"
	rfc := f.BoolP("rfc-email", "R", false, "as in mails")
	if status, ok := c.parse(f); !ok {
		return status
	}
	t := time.Now()
	var err error
	if *when != "" {
		t, err = parseDate(*when)
	} else if *ref != "" {
		var info os.FileInfo
		if info, err = os.Stat(*ref); err == nil {
			t = info.ModTime()
		}
	}
	if err != nil {
		c.fail(err)
		return 1
	}
	if *utc {
		t = t.UTC()
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case len(c.args) > 1 || len(c.args) == 1 && !strings.HasPrefix(c.args[0], "+"):
		return c.usage("give one +FORMAT; the clock cannot be set")
	case len(c.args) == 1:
		format = c.args[0][1:]
	case *rfc:
		format = "%a, %d %b %Y %H:%M:%S %z"
	case *iso != "":
		layout, ok := map[string]string{"date": "2006-01-02", "hours": "2006-01-02T15-07:00", "minutes": "2006-01-02T15:04-07:00",
			"seconds": "2006-01-02T15:04:05-07:00", "ns": "2006-01-02T15:04:05,000000000-07:00"}[*iso]
		if !ok {
			return c.usage("%s: unknown precision", *iso)
		}
		fmt.Fprintln(c.out, t.Format(layout))
		return 0
	}
	fmt.Fprintln(c.out, formatDate(format, t))
	return 0
}

// formatDate is strftime with GNU's %N, %3N and %:z.
func formatDate(format string, t time.Time) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		rest := format[i:]
		switch {
		case strings.HasPrefix(rest, "%%"):
			b.WriteString("%%")
			i++
		case strings.HasPrefix(rest, "%N"):
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
			i++
		case len(rest) > 2 && rest[0] == '%' && rest[1] >= '1' && rest[1] <= '9' && rest[2] == 'N':
			b.WriteString(fmt.Sprintf("%09d", t.Nanosecond())[:rest[1]-'0'])
			i += 2
		case strings.HasPrefix(rest, "%:z"):
			b.WriteString(t.Format("-07:00"))
			i += 2
		case strings.HasPrefix(rest, "%s"):
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
			i++
		case strings.HasPrefix(rest, "%") && len(rest) > 1:
			b.WriteString(rest[:2])
			i++
		default:
			b.WriteByte(format[i])
		}
	}
	return strftime.Format(b.String(), t)
}

var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02", "20060102", "2006/01/02", "2006/01/02 15:04:05", time.RFC1123Z, time.RFC1123,
	time.UnixDate, time.ANSIC, "Jan _2 2006", "_2 Jan 2006", "Jan _2 15:04:05 2006", "2006-01-02 15:04:05 MST",
}

// parseDate knows the usual written forms, and words such as tomorrow and 3 days ago.
func parseDate(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	now := time.Now()
	if digits, ok := strings.CutPrefix(s, "@"); ok {
		if v, err := strconv.ParseFloat(digits, 64); err == nil {
			sec := int64(v)
			return time.Unix(sec, int64((v-float64(sec))*1e9)), nil
		}
	}
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local), nil
		}
	}
	bad := fmt.Errorf("invalid date '%s'", s)
	t := now
	words := strings.Fields(strings.ToLower(s))
	if len(words) == 0 {
		return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.Local), nil
	}
	if start, err := time.ParseInLocation("2006-01-02", words[0], time.Local); err == nil {
		t, words = start, words[1:]
	}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "now", "today":
			continue
		case "tomorrow":
			t = t.AddDate(0, 0, 1)
			continue
		case "yesterday":
			t = t.AddDate(0, 0, -1)
			continue
		}
		n, err := strconv.Atoi(words[i])
		if err != nil {
			if words[i] != "next" && words[i] != "last" {
				return t, bad
			}
			n = map[string]int{"next": 1, "last": -1}[words[i]]
		}
		if i++; i == len(words) {
			return t, bad
		}
		unit := strings.TrimSuffix(words[i], "s")
		if i+1 < len(words) && words[i+1] == "ago" {
			n = -n
			i++
		}
		switch unit {
		case "sec", "second":
			t = t.Add(time.Duration(n) * time.Second)
		case "min", "minute":
			t = t.Add(time.Duration(n) * time.Minute)
		case "hour":
			t = t.Add(time.Duration(n) * time.Hour)
		case "day":
			t = t.AddDate(0, 0, n)
		case "week":
			t = t.AddDate(0, 0, 7*n)
		case "month":
			t = t.AddDate(0, n, 0)
		case "year":
			t = t.AddDate(n, 0, 0)
		default:
			return t, bad
		}
	}
	return t, nil
}

func which(c *call) int {
	f := c.flags("[-a] NAME...")
	all := f.BoolP("all", "a", false, "all of them")
	if status, ok := c.parse(f); !ok {
		return status
	}
	status := 0
	for _, name := range c.args {
		found := false
		dirs := filepath.SplitList(os.Getenv("PATH"))
		if strings.Contains(name, "/") {
			dirs = []string{""}
		}
		for _, dir := range dirs {
			path := name
			if dir != "" {
				path = filepath.Join(dir, name)
			}
			if executable(path) == nil {
				fmt.Fprintln(c.out, path)
				if found = true; !*all {
					break
				}
			}
		}
		if !found {
			status = 1
		}
	}
	return status
}

func free(c *call) int {
	f := c.flags("[-bkmgh]")
	b := f.BoolP("bytes", "b", false, "in bytes")
	f.BoolP("kibi", "k", false, "in KiB (always so)")
	m := f.BoolP("mebi", "m", false, "in MiB")
	g := f.BoolP("gibi", "g", false, "in GiB")
	h := f.BoolP("human", "h", false, "with K, M, G")
	if status, ok := c.parse(f); !ok {
		return status
	}
	raw, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		c.fail(err)
		return 1
	}
	kb := map[string]uint64{}
	for _, line := range strings.Split(string(raw), "\n") {
		if w := strings.Fields(line); len(w) > 1 {
			kb[strings.TrimSuffix(w[0], ":")], _ = strconv.ParseUint(w[1], 10, 64)
		}
	}
	show := func(n uint64) string {
		switch {
		case *h:
			return humanSize(n << 10)
		case *b:
			return fmt.Sprint(n << 10)
		case *m:
			return fmt.Sprint(n >> 10)
		case *g:
			return fmt.Sprint(n >> 20)
		}
		return fmt.Sprint(n)
	}
	cache := kb["Buffers"] + kb["Cached"] + kb["SReclaimable"]
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\ttotal\tused\tfree\tshared\tbuff/cache\tavailable\t")
	fmt.Fprintf(w, "Mem:\t%s\t%s\t%s\t%s\t%s\t%s\t\n", show(kb["MemTotal"]), show(kb["MemTotal"]-kb["MemAvailable"]), show(kb["MemFree"]), show(kb["Shmem"]), show(cache), show(kb["MemAvailable"]))
	fmt.Fprintf(w, "Swap:\t%s\t%s\t%s\t\t\t\t\n", show(kb["SwapTotal"]), show(kb["SwapTotal"]-kb["SwapFree"]), show(kb["SwapFree"]))
	w.Flush()
	return 0
}

func uptime(c *call) int {
	if status, ok := c.parse(c.flags("")); !ok {
		return status
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		c.fail(err)
		return 1
	}
	w := strings.Fields(string(load))
	s := int(upSeconds())
	fmt.Fprintf(c.out, " %s up %d days, %02d:%02d, load average: %s\n", time.Now().Format("15:04:05"), s/86400, s/3600%24, s/60%60, strings.Join(w[:min(3, len(w))], ", "))
	return 0
}
