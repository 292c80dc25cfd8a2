package engine

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Dial connects to an engine.
type Dial func(ctx context.Context) (net.Conn, error)

// readAhead is how much is read at once of what a process writes, which comes in frames of 8 KiB from Podman, and of 32 KiB from Docker.
const readAhead = 32 << 10

// A StatusError is an engine's answer that is no success. Message is the engine's own.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the engine answered %d %s: %s", e.Code, http.StatusText(e.Code), e.Message)
}

// Hijack sends a request over a connection of its own and takes the connection over as a raw stream. req's URL needs a host and an
// escaped path and query; its body may be nil. The connection carries no deadline, and ctx counts until Hijack returns: the HTTP clients
// of both engines stop to look at it once they have dialled. The reader holds what was read ahead of the connection. An answer that
// is no upgrade is a *StatusError.
func Hijack(ctx context.Context, dial Dial, req *http.Request) (net.Conn, io.Reader, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	r, err := upgrade(conn, req)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, r, nil
}

func upgrade(conn net.Conn, req *http.Request) (io.Reader, error) {
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "tcp")
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(conn, readAhead)
	answer, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, err
	}
	// Docker, and Podman for execs, switch protocols. Older ones answer 200 and go on raw in the same way.
	if answer.StatusCode == http.StatusSwitchingProtocols || answer.StatusCode == http.StatusOK {
		return r, nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil && len(body) == 0 {
		return nil, err
	}
	return nil, &StatusError{Code: answer.StatusCode, Message: ErrorMessage(body)}
}

// ErrorMessage is the message in the body of an engine's error answer: JSON with a "message", else the text itself.
func ErrorMessage(body []byte) string {
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Message != "" {
		return answer.Message
	}
	return strings.TrimSpace(string(body))
}

// DetachKeys is a value for the option of that name of an exec. Podman looks for the sequence in what is written to any process, and
// drops the connection when it comes by, with a default of two keys where the option is missing or empty. So it is long, and
// nobody can know it before.
func DetachKeys() string {
	var random [24]byte
	rand.Read(random[:]) // never fails
	keys := make([]string, len(random))
	for i, b := range random {
		keys[i] = "ctrl-" + string('a'+rune(b%26))
	}
	return strings.Join(keys, ",")
}
