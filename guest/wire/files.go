package wire

import (
	"fmt"
	"path"
	"strings"
)

// ChangeRequest asks for a change of what is at a path: one of To, Mode, Owner and Own is set.
type ChangeRequest struct {
	Path   []byte // relative to the sandbox's working directory, as To
	Follow bool   // Path, where it is a link
	To     []byte
	Mode   *uint32 // as the system has it
	Owner  *Owner
	Own    bool // the sandbox's user becomes the owner
	Empty  bool // with Own: only of a directory that has nothing in it
}

// Fields is for the codec.
func (r *ChangeRequest) Fields(c *Codec) {
	c.Bytes(&r.Path)
	c.Bool(&r.Follow)
	c.Bytes(&r.To)
	mode := r.Mode != nil
	if c.Bool(&mode); mode {
		if r.Mode == nil {
			r.Mode = new(uint32)
		}
		Int(c, r.Mode)
	}
	Optional(c, &r.Owner)
	c.Bool(&r.Own)
	c.Bool(&r.Empty)
}

// Owner is a user and a group; -1: the one that is.
type Owner struct {
	UID int
	GID int
}

// Fields is for the codec.
func (o *Owner) Fields(c *Codec) {
	Int(c, &o.UID)
	Int(c, &o.GID)
}

// WatchRequest asks for events. They come in [TypeStdout] frames, each of [FileEvents]; the first one is empty, and says that the watch stands.
type WatchRequest struct {
	Path      []byte // relative to the sandbox's working directory
	Recursive bool
}

// Fields is for the codec.
func (r *WatchRequest) Fields(c *Codec) {
	c.Bytes(&r.Path)
	c.Bool(&r.Recursive)
}

// FileEvents are what happened, in its order.
type FileEvents []FileEvent

// Fields is for the codec.
func (es *FileEvents) Fields(c *Codec) {
	List(c, (*[]FileEvent)(es), func(e *FileEvent) { e.Fields(c) })
}

// FileEvent is one of package runtime's.
type FileEvent struct {
	Op   string
	Path []byte
	To   []byte
	Dir  bool
}

// Fields is for the codec.
func (e *FileEvent) Fields(c *Codec) {
	String(c, &e.Op)
	c.Bytes(&e.Path)
	c.Bytes(&e.To)
	c.Bool(&e.Dir)
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
