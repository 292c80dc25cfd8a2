package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// serve answers one request on a connection with what it is given, then echoes, and hands over what was asked.
func serve(t *testing.T, answer string) (Dial, <-chan string) {
	asked := make(chan string, 1)
	return func(context.Context) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			r := bufio.NewReader(there)
			req, err := http.ReadRequest(r)
			if err != nil {
				asked <- err.Error()
				return
			}
			body, _ := io.ReadAll(req.Body)
			asked <- req.Method + " " + req.URL.String() + " " + req.Header.Get("Connection") + " " + req.Header.Get("Upgrade") + " " + string(body)
			if answer == "" {
				io.Copy(io.Discard, r) // until the other side closes
				return
			}
			io.WriteString(there, answer)
			io.Copy(there, r)
		}()
		return here, nil
	}, asked
}

func request(t *testing.T) *http.Request {
	req, err := http.NewRequest("POST", "http://engine/exec/id/start?x=y", strings.NewReader(`{"Tty":false}`))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestHijack(t *testing.T) {
	for name, answer := range map[string]string{
		"switching": "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"ok":        "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			dial, asked := serve(t, answer+"ahead ")
			conn, r, err := Hijack(t.Context(), dial, request(t))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if got, want := <-asked, `POST /exec/id/start?x=y Upgrade tcp {"Tty":false}`; got != want {
				t.Errorf("asked %q, want %q", got, want)
			}
			go io.WriteString(conn, "echo")
			buf := make([]byte, len("ahead echo"))
			if _, err := io.ReadFull(r, buf); err != nil || string(buf) != "ahead echo" {
				t.Errorf("got %q, %v", buf, err)
			}
		})
	}
}

func TestHijackRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"message":"no such exec"}`: "no such exec",
		"plain words\n":              "plain words",
	} {
		dial, _ := serve(t, fmt.Sprintf("HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		_, _, err := Hijack(t.Context(), dial, request(t))
		var status *StatusError
		if !errors.As(err, &status) || status.Code != 404 || status.Message != want {
			t.Errorf("got %v, want a 404 with %q", err, want)
		}
	}
}

func TestHijackHeedsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dial, asked := serve(t, "")
	go func() {
		<-asked
		cancel()
	}()
	if _, _, err := Hijack(ctx, dial, request(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestDetachKeys(t *testing.T) {
	a, b := DetachKeys(), DetachKeys()
	if a == b || strings.Count(a, ",") < 15 {
		t.Errorf("%q and %q", a, b)
	}
}
