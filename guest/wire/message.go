package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Request is what the host wants: one of its fields is set.
type Request struct {
	Exec *ExecRequest
	Put  *PutRequest
	Get  *GetRequest
	Dial *DialRequest

	Change  *ChangeRequest
	Watch   *WatchRequest
	Start   *StartRequest
	Process *ProcessRequest
}

// Fields is for the codec.
func (r *Request) Fields(c *Codec) {
	Optional(c, &r.Exec)
	Optional(c, &r.Put)
	Optional(c, &r.Get)
	Optional(c, &r.Dial)
	Optional(c, &r.Change)
	Optional(c, &r.Watch)
	Optional(c, &r.Start)
	Optional(c, &r.Process)
}

// ExecRequest asks for a command to be run.
type ExecRequest struct {
	Argv    [][]byte
	Env     [][]byte // KEY=VALUE, over the guest's own environment
	Dir     []byte   // relative to the sandbox's working directory
	Stdin   bool
	TTY     bool
	Size    Size
	Timeout time.Duration // 0: none
}

// Fields is for the codec.
func (r *ExecRequest) Fields(c *Codec) {
	c.ByteLists(&r.Argv)
	c.ByteLists(&r.Env)
	c.Bytes(&r.Dir)
	c.Bool(&r.Stdin)
	c.Bool(&r.TTY)
	Int(c, &r.Size.Rows)
	Int(c, &r.Size.Cols)
	Int(c, &r.Timeout)
}

// Size is a terminal's.
type Size struct {
	Rows uint16
	Cols uint16
}

// PutRequest asks for an archive to be unpacked.
type PutRequest struct {
	Dir       []byte
	KeepOwner bool
	CreateDir bool
	Remove    [][]byte
}

// Fields is for the codec.
func (r *PutRequest) Fields(c *Codec) {
	c.Bytes(&r.Dir)
	c.Bool(&r.KeepOwner)
	c.Bool(&r.CreateDir)
	c.ByteLists(&r.Remove)
}

// GetRequest asks for an archive.
type GetRequest struct {
	Path        []byte
	HeadersOnly bool
	Depth       int
	Follow      bool
}

// Fields is for the codec.
func (r *GetRequest) Fields(c *Codec) {
	c.Bytes(&r.Path)
	c.Bool(&r.HeadersOnly)
	Int(c, &r.Depth)
	c.Bool(&r.Follow)
}

// DialRequest asks for a connection: to the first of the addresses at which somebody listens, or to a unix socket.
type DialRequest struct {
	IPs  [][]byte // 4 or 16 bytes each
	Port uint16
	Path []byte // relative to the sandbox's working directory
}

// Fields is for the codec.
func (r *DialRequest) Fields(c *Codec) {
	c.ByteLists(&r.IPs)
	Int(c, &r.Port)
	c.Bytes(&r.Path)
}

// What a stream of a session is for is its first byte, which the host sends.
const (
	ForExec byte = 1 // an exec channel
	ForDial byte = 2 // a request for a connection, and that connection
	// ForRenew renews the sandbox's lease. The stream's end says that it is done, a reset that it is not.
	ForRenew byte = 3
)

// Result is the guest's last frame for a request.
type Result struct {
	// Again says that nothing is left of the request, and that the guest waits for another one. Otherwise it hangs up.
	Again bool

	// Failure says that the request failed.
	Failure *Failure

	// Exit and Signal tell how the leader of an exec ended. TimedOut and Cancelled say that the guest ended it.
	Exit      int
	Signal    int
	TimedOut  bool
	Cancelled bool
	OOM       bool
	Held      bool // something still holds the output
	Left      bool // the guest had to end the tree and could not end all of it

	// Entries and Bytes are those of an archive.
	Entries int
	Bytes   int64
}

// Fields is for the codec.
func (r *Result) Fields(c *Codec) {
	c.Bool(&r.Again)
	Optional(c, &r.Failure)
	Int(c, &r.Exit)
	Int(c, &r.Signal)
	c.Bool(&r.TimedOut)
	c.Bool(&r.Cancelled)
	c.Bool(&r.OOM)
	c.Bool(&r.Held)
	c.Bool(&r.Left)
	Int(c, &r.Entries)
	Int(c, &r.Bytes)
}

// Failure is why a request failed.
type Failure struct {
	Kind    Kind
	Message string
}

// Fields is for the codec.
func (f *Failure) Fields(c *Codec) {
	String(c, &f.Kind)
	String(c, &f.Message)
}

// A Kind stands for one of package runtime's errors.
type Kind string

// The kinds of failures.
const (
	KindOther       Kind = ""
	KindInvalid     Kind = "invalid"
	KindNotFound    Kind = "file-not-found"
	KindPermission  Kind = "permission"
	KindReadOnly    Kind = "read-only"
	KindNoSpace     Kind = "no-space"
	KindInUse       Kind = "in-use"
	KindUnavailable Kind = "unavailable"
	KindTruncated   Kind = "truncated" // an archive ended early
	KindCancelled   Kind = "cancelled"
	KindRefused     Kind = "refused"      // nobody listens
	KindCrossDevice Kind = "cross-device" // it would have to be copied
	KindNoProcess   Kind = "process-not-found"
	KindLost        Kind = "connection-lost" // a supervisor has ended
)

// ErrTooLarge says that a request does not fit MaxRequest.
var ErrTooLarge = errors.New("the request is too large")

// maxMessage keeps failures within a frame.
const maxMessage = 4 << 10

// WriteMessage writes a frame with m as its payload.
func (w *Writer) WriteMessage(typ Type, m Message) error {
	payload, err := Marshal(m)
	if err != nil {
		return err
	}
	return w.Write(typ, payload)
}

// WriteResult writes a result, its message cut to what a frame holds.
func (w *Writer) WriteResult(r Result) error {
	if f := r.Failure; f != nil && len(f.Message) > maxMessage {
		r.Failure = &Failure{Kind: f.Kind, Message: f.Message[:maxMessage] + "…"}
	}
	return w.WriteMessage(TypeResult, &r)
}

// WriteRequest writes a request in as many frames as it takes. One of more than MaxRequest bytes is ErrTooLarge.
func (w *Writer) WriteRequest(r Request) error {
	rest, err := Marshal(&r)
	if err != nil {
		return err
	}
	if len(rest) > MaxRequest {
		return ErrTooLarge
	}
	for len(rest) > MaxData {
		if err := w.Write(TypePart, rest[:MaxData]); err != nil {
			return err
		}
		rest = rest[MaxData:]
	}
	return w.Write(TypeRequest, rest)
}

// ReadRequest reads the frames of a request, and nothing behind them.
func (r *Reader) ReadRequest() (Request, error) {
	var parts Parts
	for {
		typ, payload, err := r.Next()
		if err != nil {
			return Request{}, err
		}
		request, err := parts.Add(typ, payload)
		if err != nil {
			return Request{}, err
		}
		if request != nil {
			return *request, nil
		}
	}
}

// Parts collects the frames of a request.
type Parts struct{ all []byte }

// Add adds a frame, and returns the request when it is whole. After that, or an error, the next one begins.
func (p *Parts) Add(typ Type, payload []byte) (*Request, error) {
	if typ != TypePart && typ != TypeRequest {
		return nil, fmt.Errorf("%w: type %d where a request belongs", ErrFrame, typ)
	}
	if len(p.all)+len(payload) > MaxRequest {
		p.all = nil
		return nil, ErrTooLarge
	}
	if typ == TypePart {
		p.all = append(p.all, payload...)
		return nil, nil
	}
	whole := payload
	if len(p.all) > 0 {
		whole = append(p.all, payload...)
	}
	p.all = nil
	return parseRequest(whole)
}

func parseRequest(payload []byte) (*Request, error) {
	request := &Request{}
	if err := Unmarshal(payload, request); err != nil {
		return nil, err
	}
	set := 0
	for _, is := range []bool{
		request.Exec != nil, request.Put != nil, request.Get != nil, request.Dial != nil, request.Change != nil, request.Watch != nil,
		request.Start != nil, request.Process != nil,
	} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, fmt.Errorf("%w: a request for %d things", ErrFrame, set)
	}
	e := request.Exec
	if s := request.Start; s != nil {
		if e = &s.ExecRequest; s.ID == "" || len(s.ID) > MaxProcessID || s.Stdin || s.TTY {
			return nil, fmt.Errorf("%w: a process without an id, or with an input", ErrFrame)
		}
	}
	if e != nil && (len(e.Argv) == 0 || e.Timeout < 0) {
		return nil, fmt.Errorf("%w: an exec without a command, or with a negative timeout", ErrFrame)
	}
	if p := request.Process; p != nil {
		if err := p.check(); err != nil {
			return nil, err
		}
	}
	return request, nil
}

// WriteCredit allows n bytes of data more.
func (w *Writer) WriteCredit(n int) error {
	return w.Write(TypeCredit, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// ParseCredit reads the payload of a TypeCredit frame.
func ParseCredit(payload []byte) (int, error) {
	if len(payload) != 4 {
		return 0, fmt.Errorf("%w: a credit of %d bytes", ErrFrame, len(payload))
	}
	return int(binary.BigEndian.Uint32(payload) & 0x7fffffff), nil
}

// WriteResize says a terminal's new size.
func (w *Writer) WriteResize(s Size) error {
	return w.Write(TypeResize, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Rows), s.Cols))
}

// ParseResize reads the payload of a TypeResize frame.
func ParseResize(payload []byte) (Size, error) {
	if len(payload) != 4 {
		return Size{}, fmt.Errorf("%w: a size of %d bytes", ErrFrame, len(payload))
	}
	return Size{binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])}, nil
}
