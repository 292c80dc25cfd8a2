package engine

import (
	"bytes"
	"io"
	"testing"
)

func TestPipes(t *testing.T) {
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	stderr, err := io.Pipe()
	s := NewPipes(stdin, stdout, stderr, "id")
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		err.Write([]byte("said on stderr"))
		err.Close()
		io.Copy(out, in) // what comes in, until its end
		out.Close()
	}()
	go func() {
		s.Write(long)
		s.CloseWrite()
	}()
	got, readErr := io.ReadAll(s)
	if readErr != nil || !bytes.Equal(got, long) {
		t.Errorf("%d of %d bytes came back, as they were: %v, %v", len(got), len(long), bytes.Equal(got, long), readErr)
	}
	if s.Stderr() != "said on stderr" || s.ExecID != "id" {
		t.Errorf("stderr is %q, the id %q", s.Stderr(), s.ExecID)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestPipesClose(t *testing.T) {
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	stderr, errs := io.Pipe()
	s := NewPipes(stdin, stdout, stderr, "")
	done := make(chan error)
	go func() {
		_, err := s.Read(make([]byte, 1))
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a Read goes on as if nothing had been closed")
	}
	if _, err := in.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the process's stdin: %v, want its end", err)
	}
	for _, w := range []io.Writer{out, errs} {
		if _, err := w.Write([]byte("x")); err != io.ErrClosedPipe {
			t.Errorf("a write to an output that nobody reads: %v", err)
		}
	}
}
