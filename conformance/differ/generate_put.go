package differ

import (
	"strings"
)

// put makes a PutArchive of a small tree, a damaged one at times.
func (g *generator) put(m *model) PutStep {
	p := PutStep{Dir: pick(g, append(m.targets, "", ".", "/work", "/tmp", "/home/worker", "d", "/mnt")...), KeepOwner: g.chance(0.3), CreateDir: g.chance(0.3)}
	if g.chance(0.15) {
		p.Dir = pick(g, "new/dir", "/new/dir", "link", "a", "/etc/passwd", "/no/such", "..", "/tmp/../work", "/", "d/e/", "c.txt/x", "/proc", "/dev", "/sys", "/.sandlot", "\x00")
	}
	for range 1 + g.IntN(5) {
		p.Entries = append(p.Entries, g.entry(m))
	}
	if g.chance(0.15) {
		p.Remove = some(g, 2, append(names, "../x", ".", "/tmp/a", "", "d/../a", "link/x")...)
	}
	if g.chance(0.08) {
		switch g.IntN(4) {
		case 0:
			p.Entries = nil
		case 1:
			p.Entries, p.Text = nil, pick(g, "this is no tar", " ", strings.Repeat("no tar, and long. ", 100))
		default:
			p.Cut = pick(g, 1, 512, 1024, 1025, 1500, 2000, 3000, 1<<20)
		}
	}
	return p
}

func (g *generator) entry(m *model) Entry {
	e := Entry{
		Type: weighted(g, choice[string]{10, TypeFile}, choice[string]{5, TypeDir}, choice[string]{3, TypeLink}, choice[string]{3, TypeHard}),
		Name: pick(g, names...), Mode: pick[int64](g, 0o644, 0o644, 0o755, 0o600, 0, 0o777, 0o4755, 0o2755, 0o1777, 0o6711, 0o200),
		UID: pick(g, 0, 0, 1000, 2000, 12345, 65534), GID: pick(g, 0, 0, 1000, 2000, 54321),
		Time: pick[int64](g, 0, 1, 1000000000, 1500000000),
	}
	if g.chance(0.01) {
		e.UID = pick(g, 65536, 100000, 2000000000)
	}
	if g.chance(0.12) {
		e.Name = pick(g, "d/../x", "../x", "/abs", "./a", "d//x", ".", "..", "link/x", "a/x", strings.Repeat("n", 255), strings.Repeat("n", 256), strings.Repeat("long/", 30)+"x",
			"back\\slash", "\"", "d/.", "tab\t", "/", "...", ".sandlot-x", "*", "line\r")
	}
	switch e.Type {
	case TypeFile:
		e.Content = pick(g, "content", "", "other", "#!/probe exit 5\n", strings.Repeat("much ", 2000))
		if g.chance(0.1) {
			e.Noise = pick[int64](g, 100000, 65536, 400000)
		}
		if g.chance(0.05) {
			e.Type, e.Content, e.Noise = pick(g, TypeFifo, TypeChar), "", 0
		}
	case TypeDir:
		e.Name += "/"
	case TypeLink:
		e.Target = pick(g, append(names, "../tmp", "/tmp", "/work", "/home/worker", "missing", "..", ".", "/mnt/vol/a", "/etc/passwd", strings.Repeat("t", 1000))...)
	case TypeHard:
		e.Target = pick(g, append(names, "missing", "../tmp/a", "/tmp/a", "./a", "/etc/passwd", ".")...)
	}
	return e
}
