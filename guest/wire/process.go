package wire

import (
	"encoding/binary"
	"fmt"
)

// What is kept of each output of a process that nobody waits for: its first bytes, and its last.
const (
	KeepHead = 64 << 10
	KeepTail = 192 << 10
)

// MaxProcessID is the length of the longest id of a process.
const MaxProcessID = 64

// StartRequest asks for a command that goes on when its host is gone. Its result tells that it has begun.
type StartRequest struct {
	ID string // which no other process of the sandbox has
	ExecRequest
}

// Fields is for the codec.
func (r *StartRequest) Fields(c *Codec) {
	String(c, &r.ID)
	r.ExecRequest.Fields(c)
}

// A ProcessOp is what is to be done with processes.
type ProcessOp string

// What can be done.
const (
	OpList   ProcessOp = "list"
	OpLook   ProcessOp = "look"   // its output so far and what it is now
	OpWait   ProcessOp = "wait"   // its output to the end
	OpSignal ProcessOp = "signal" // with 9, all of the tree
	OpRemove ProcessOp = "remove"
)

// ProcessRequest is about a process that was started, or with OpList about all of them. The answer has a [TypeProcess] frame for each.
type ProcessRequest struct {
	Op     ProcessOp
	ID     string
	Signal int
	// From is how many bytes of each output are not asked for. Quiet says that nothing of it is.
	From  [2]int64
	Quiet [2]bool
}

// Fields is for the codec.
func (r *ProcessRequest) Fields(c *Codec) {
	String(c, &r.Op)
	String(c, &r.ID)
	Int(c, &r.Signal)
	for i := range r.From {
		Int(c, &r.From[i])
		c.Bool(&r.Quiet[i])
	}
}

// ProcessInfo is the payload of a TypeProcess frame.
type ProcessInfo struct {
	ID      string
	PID     int
	Argv    [][]byte // cut to a few KiB
	Started int64    // nanoseconds since 1970
	Ended   int64    // 0 while it runs
	Result  Result
	// Written is how much of each output there is, or in answer to OpLook and OpWait how far the answer goes.
	Written [2]int64
}

// Fields is for the codec.
func (p *ProcessInfo) Fields(c *Codec) {
	String(c, &p.ID)
	Int(c, &p.PID)
	c.ByteLists(&p.Argv)
	Int(c, &p.Started)
	Int(c, &p.Ended)
	p.Result.Fields(c)
	for i := range p.Written {
		Int(c, &p.Written[i])
	}
}

// check says what is wrong with a request.
func (r *ProcessRequest) check() error {
	known := r.Op == OpList || r.Op == OpLook || r.Op == OpWait || r.Op == OpSignal || r.Op == OpRemove
	if !known || len(r.ID) > MaxProcessID || (r.ID == "") != (r.Op == OpList) || r.From[0] < 0 || r.From[1] < 0 ||
		r.Signal < 0 || r.Signal > 64 || (r.Signal > 0) != (r.Op == OpSignal) {
		return fmt.Errorf("%w: a request about a process that makes no sense", ErrFrame)
	}
	return nil
}

// WriteSkipped says that bytes of an output were not kept. It stands where they would.
func (w *Writer) WriteSkipped(of Type, n int64) error {
	return w.Write(TypeSkipped, binary.BigEndian.AppendUint64([]byte{byte(of)}, uint64(n)))
}

// ParseSkipped reads the payload of a TypeSkipped frame: of which output, TypeStdout or TypeStderr, and how many bytes.
func ParseSkipped(payload []byte) (of Type, n int64, err error) {
	if len(payload) == 9 {
		of, n = Type(payload[0]), int64(binary.BigEndian.Uint64(payload[1:]))
	}
	if of != TypeStdout && of != TypeStderr || n <= 0 {
		return 0, 0, fmt.Errorf("%w: bytes left out that make no sense", ErrFrame)
	}
	return of, n, nil
}
