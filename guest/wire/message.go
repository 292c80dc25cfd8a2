package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Hello is the guest's first frame.
type Hello struct {
	// Sandlot is the protocol's version.
	Sandlot int `json:"sandlot"`
	// PID is the guest's process id, as the sandbox sees it.
	PID int `json:"pid"`
	// Session is the process id of the session that has started it, where one has.
	Session int `json:"session,omitempty"`
}

// Request is what the host wants: one of its fields is set. Whatever may hold any bytes is a []byte, since JSON's strings may not.
type Request struct {
	Exec *ExecRequest `json:"exec,omitempty"`
	Put  *PutRequest  `json:"put,omitempty"`
	Get  *GetRequest  `json:"get,omitempty"`
	Dial *DialRequest `json:"dial,omitempty"`

	Change *ChangeRequest `json:"change,omitempty"`
	Watch  *WatchRequest  `json:"watch,omitempty"`
}

// ExecRequest asks for a command to be run.
type ExecRequest struct {
	Argv    [][]byte      `json:"argv"`
	Env     [][]byte      `json:"env,omitempty"` // KEY=VALUE, over the guest's own environment
	Dir     []byte        `json:"dir,omitempty"` // relative to the sandbox's working directory
	Stdin   bool          `json:"stdin,omitempty"`
	TTY     bool          `json:"tty,omitempty"`
	Size    Size          `json:"size,omitzero"`
	Timeout time.Duration `json:"timeout,omitempty"` // 0: none
}

// Size is a terminal's.
type Size struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// PutRequest asks for an archive to be unpacked.
type PutRequest struct {
	Dir       []byte   `json:"dir"`
	KeepOwner bool     `json:"keepOwner,omitempty"`
	CreateDir bool     `json:"createDir,omitempty"`
	Remove    [][]byte `json:"remove,omitempty"`
}

// GetRequest asks for an archive.
type GetRequest struct {
	Path        []byte `json:"path"`
	HeadersOnly bool   `json:"headersOnly,omitempty"`
	Depth       int    `json:"depth,omitempty"`
	Follow      bool   `json:"follow,omitempty"`
}

// DialRequest asks for a connection: to the first of the addresses at which somebody listens, or to a unix socket.
type DialRequest struct {
	IPs  [][]byte `json:"ips,omitempty"` // 4 or 16 bytes each
	Port uint16   `json:"port,omitempty"`
	Path []byte   `json:"path,omitempty"` // relative to the sandbox's working directory
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
	Again bool `json:"again,omitempty"`

	// Failure says that the request failed.
	Failure *Failure `json:"failure,omitempty"`

	// Exit and Signal tell how the leader of an exec ended. TimedOut and Cancelled say that the guest ended it.
	Exit      int  `json:"exit,omitempty"`
	Signal    int  `json:"signal,omitempty"`
	TimedOut  bool `json:"timedOut,omitempty"`
	Cancelled bool `json:"cancelled,omitempty"`
	OOM       bool `json:"oom,omitempty"`
	Held      bool `json:"held,omitempty"` // something still holds the output
	Left      bool `json:"left,omitempty"` // the guest had to end the tree and could not end all of it

	// Entries and Bytes are those of an archive.
	Entries int   `json:"entries,omitempty"`
	Bytes   int64 `json:"bytes,omitempty"`
}

// Failure is why a request failed.
type Failure struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
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
)

// ErrTooLarge says that a request does not fit MaxRequest.
var ErrTooLarge = errors.New("the request is too large")

// maxMessage keeps failures within a frame, whatever JSON makes of their bytes.
const maxMessage = 4 << 10

// WriteJSON writes a frame with v as its payload.
func (w *Writer) WriteJSON(typ Type, v any) error {
	payload, err := json.Marshal(v)
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
	return w.WriteJSON(TypeResult, r)
}

// WriteRequest writes a request in as many frames as it takes. One of more than MaxRequest bytes is ErrTooLarge.
func (w *Writer) WriteRequest(r Request) error {
	rest, err := json.Marshal(r)
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

func parseRequest(text []byte) (*Request, error) {
	request := &Request{}
	if err := json.Unmarshal(text, request); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	set := 0
	for _, is := range []bool{
		request.Exec != nil, request.Put != nil, request.Get != nil, request.Dial != nil, request.Change != nil, request.Watch != nil,
	} {
		if is {
			set++
		}
	}
	if set != 1 {
		return nil, fmt.Errorf("%w: a request for %d things", ErrFrame, set)
	}
	if e := request.Exec; e != nil && (len(e.Argv) == 0 || e.Timeout < 0) {
		return nil, fmt.Errorf("%w: an exec without a command, or with a negative timeout", ErrFrame)
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

// ParseJSON reads the JSON payload of a frame into v.
func ParseJSON(payload []byte, v any) error {
	if err := json.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}
