package wire

import (
	"fmt"
	"path"
	"strings"
)

// ChangeRequest asks for a change of what is at a path: one of To, Mode and Owner is set.
type ChangeRequest struct {
	Path   []byte  `json:"path"`             // relative to the sandbox's working directory, as To
	Follow bool    `json:"follow,omitempty"` // Path, where it is a link
	To     []byte  `json:"to,omitempty"`
	Mode   *uint32 `json:"mode,omitempty"` // as the system has it
	Owner  *Owner  `json:"owner,omitempty"`
}

// Owner is a user and a group; -1: the one that is.
type Owner struct {
	UID int `json:"uid"`
	GID int `json:"gid"`
}

// WatchRequest asks for events. They come in [TypeStdout] frames, each the JSON of []FileEvent; the first one is empty, and says that the watch stands.
type WatchRequest struct {
	Path      []byte `json:"path"` // relative to the sandbox's working directory
	Recursive bool   `json:"recursive,omitempty"`
}

// FileEvent is one of package runtime's.
type FileEvent struct {
	Op   string `json:"op"`
	Path []byte `json:"path,omitempty"`
	To   []byte `json:"to,omitempty"`
	Dir  bool   `json:"dir,omitempty"`
}

// The operations of events. They are package runtime's.
const (
	OpCreated  = "create"
	OpWritten  = "write"
	OpRemoved  = "remove"
	OpRenamed  = "rename"
	OpAttrib   = "attributes"
	OpOverflow = "overflow"
)

// Check says whether an event is one. Paths that lead out of the directory are none.
func (e FileEvent) Check() error {
	ok := false
	switch e.Op {
	case OpOverflow:
		ok = len(e.Path) == 0 && len(e.To) == 0
	case OpRenamed:
		ok = isBelow(e.Path) && isBelow(e.To)
	case OpAttrib:
		ok = (string(e.Path) == "." || isBelow(e.Path)) && len(e.To) == 0
	case OpCreated, OpWritten, OpRemoved:
		ok = isBelow(e.Path) && len(e.To) == 0
	}
	if !ok {
		return fmt.Errorf("%w: an event %q of %.100q and %.100q", ErrFrame, e.Op, e.Path, e.To)
	}
	return nil
}

// isBelow says whether a path, which must be in its shortest form, leads to something in a directory.
func isBelow(name []byte) bool {
	s := string(name)
	return s != "" && s != "." && s != ".." && !path.IsAbs(s) && !strings.HasPrefix(s, "../") && !strings.ContainsRune(s, 0) && path.Clean(s) == s
}
