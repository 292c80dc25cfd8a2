package differ

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

var typeflags = map[string]byte{
	TypeFile: tar.TypeReg, TypeDir: tar.TypeDir, TypeLink: tar.TypeSymlink, TypeHard: tar.TypeLink, TypeFifo: tar.TypeFifo, TypeChar: tar.TypeChar,
}

// newTar is an archive of entries.
func newTar(entries []Entry, s *session) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		flag, ok := typeflags[e.Type]
		if !ok {
			return nil, fmt.Errorf("no type of entry %q", e.Type)
		}
		content := strings.ReplaceAll(e.Content, "$image", s.image)
		if e.Noise > 0 {
			noise, err := io.ReadAll(answer.Noise(e.Noise))
			if err != nil {
				return nil, err
			}
			content = string(noise)
		}
		h := tar.Header{
			Typeflag: flag, Name: e.Name, Linkname: e.Target, Mode: e.Mode, Uid: e.UID, Gid: e.GID, Size: int64(len(content)), ModTime: time.Unix(e.Time, 0),
		}
		if flag == tar.TypeChar {
			h.Devmajor, h.Devminor = 1, 3
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// readTar adds the entries of an archive, in lexical order: the order in which a file system names its files is its own. It says apart
// whether directories come before what is in them.
func readTar(f *facts, r io.Reader) {
	found := map[string]string{}
	links := map[string]string{} // hard ones
	early := ""
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			f.add("the archive", "is bad")
			return
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			f.add("the archive", "is bad")
			return
		}
		name := strings.TrimSuffix(h.Name, "/")
		if i := strings.LastIndexByte(name, '/'); i > 0 && len(found) > 0 && found[name[:i]] == "" {
			early = name
		}
		if h.Typeflag == tar.TypeLink { // which of a file's names comes first is the file system's choice
			links[name], found[name] = h.Linkname, "link"
			continue
		}
		if isOfHost(name) {
			h.Uid, h.Gid, h.ModTime = 0, 0, time.Unix(0, 0)
		}
		what := fmt.Sprintf("type %c, mode %#o, owner %d:%d, time %s", h.Typeflag, h.Mode, h.Uid, h.Gid, moment(h.ModTime.Unix()))
		if h.Linkname != "" {
			what += fmt.Sprintf(", to %q", h.Linkname)
		}
		if h.Typeflag == tar.TypeReg {
			what += fmt.Sprintf(", size %d, content %q", h.Size, brief(string(content)))
		}
		if size, ok := h.PAXRecords[runtime.PAXSize]; ok {
			what += ", " + runtime.PAXSize + " " + size
		}
		found[name] = what
	}
	group := map[string][]string{} // the names of a file, by the one that has its content
	for name, first := range links {
		for range links { // no link leads farther
			if next, ok := links[first]; ok {
				first = next
			}
		}
		group[first] = append(group[first], name)
	}
	for first, names := range group {
		what := found[first]
		names = append(names, first)
		slices.Sort(names)
		for _, name := range names {
			found[name] = what + fmt.Sprintf(", one of %q", names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f.add(fmt.Sprintf("entry %q", name), found[name])
	}
	if early != "" {
		f.add("before its directory", early)
	}
}

// moment is a time in seconds. All that was set meanwhile, and not by the sequence, is now.
func moment(seconds int64) string {
	if seconds > time.Now().Add(-24*time.Hour).Unix() {
		return "now"
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}
