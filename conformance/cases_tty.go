package conformance

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/sandlot-dev/sandlot/conformance/internal/answer"
	"github.com/sandlot-dev/sandlot/runtime"
)

func ttyCases() []Case {
	tty := []runtime.Capability{runtime.CapabilityTTY}
	return []Case{
		{
			ID: "exec/tty/none", Contract: contractExecOptions + ".TTY",
			Rule: "Without TTY none of a command's streams is a terminal.",
			Run: func(t *T) {
				got := answerOf[answer.Terminal](t, t.Sandbox(), runtime.ExecOptions{}, "tty")
				t.Equal("what the streams are", got, answer.Terminal{})
			},
		},
		{
			ID: "exec/tty/size", Contract: contractExecOptions + ".TTY", Needs: tty,
			Rule: "TTY gives a command a terminal of its own, of Size.",
			Run: func(t *T) {
				opts := runtime.ExecOptions{TTY: true, Size: runtime.WindowSize{Rows: 33, Cols: 121}}
				t.Equal("the terminal", t.Terminal(t.Sandbox(), opts),
					answer.Terminal{TTY: [3]bool{true, true, true}, Rows: 33, Cols: 121})
			},
		},
		{
			ID: "exec/tty/default-size", Contract: "runtime.WindowSize", Needs: tty,
			Rule: "A size of zero means 24 rows and 80 columns.",
			Run: func(t *T) {
				t.Equal("the terminal", t.Terminal(t.Sandbox(), runtime.ExecOptions{TTY: true}),
					answer.Terminal{TTY: [3]bool{true, true, true}, Rows: 24, Cols: 80})
			},
		},
		{
			ID: "exec/tty/resize", Contract: contractExecOptions + ".Resize", Needs: tty,
			Rule: "Resize changes the terminal's size.",
			Run: func(t *T) {
				resize := make(chan runtime.WindowSize)
				p := t.Start(t.Sandbox(), runtime.ExecOptions{TTY: true, Resize: resize}, "tty-watch")
				p.Await("ready")
				for _, size := range []struct {
					runtime.WindowSize
					text string
				}{{runtime.WindowSize{Rows: 10, Cols: 20}, "10x20"}, {runtime.WindowSize{Rows: 50, Cols: 150}, "50x150"}} {
					select {
					case resize <- size.WindowSize:
					case <-p.Done():
						t.Fatalf("the exec ended: %+v", p.Wait())
					}
					p.Await(size.text)
				}
			},
		},
		{
			ID: "exec/tty/one-stream", Contract: contractExecOptions + ".TTY", Needs: tty,
			Rule: "With a TTY everything that a command writes goes to Stdout.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{TTY: true}, "say", "to out ", "to err")
				t.Equal("the output", out, Output{Stdout: "to out to err"})
			},
		},
		{
			ID: "exec/tty/eof", Contract: contractExecOptions + ".TTY", Needs: tty,
			Rule: "With a TTY the end of Stdin is sent as ^D, which ends a command's input.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{TTY: true, Stdin: strings.NewReader("line\n")}, "sum")
				t.Equal("the error", out.Err, nil)
				t.Equal("the exit code", out.ExitCode, 0)
				t.True(strings.Contains(out.Stdout, `"bytes":5,`), "the output", out.Stdout, "5 bytes, read to the end")
			},
		},
		{
			ID: "exec/tty/no-stdin", Contract: contractExecOptions + ".Stdin", Needs: tty,
			Rule: "With a TTY too, no Stdin is an empty one: a command that reads it comes to its end.",
			Run: func(t *T) {
				out := t.Exec(t.Sandbox(), runtime.ExecOptions{TTY: true}, "sum")
				t.Equal("the error", out.Err, nil)
				t.Equal("the exit code", out.ExitCode, 0)
				t.True(strings.Contains(out.Stdout, `"bytes":0,`), "the output", out.Stdout, "0 bytes, read to the end")
			},
		},
		{
			ID: "exec/tty/interrupt", Contract: contractExecOptions + ".TTY", Needs: tty,
			Rule: "The terminal is the command's controlling one: ^C in Stdin interrupts it.",
			Run: func(t *T) {
				r, w := io.Pipe()
				defer w.Close()
				p := t.Start(t.Sandbox(), runtime.ExecOptions{TTY: true, Stdin: r}, "stay", t.token)
				p.Await("ready")
				_, err := io.WriteString(w, "\x03")
				t.NoError("writing ^C", err)
				out := p.Wait()
				t.Equal("the error", out.Err, nil)
				t.Equal("the result", out.ExecResult, runtime.ExecResult{ExitCode: 130, Signal: 2})
			},
		},
	}
}

// Terminal is what an exec says of its standard streams, over a terminal.
func (t *T) Terminal(id string, opts runtime.ExecOptions) answer.Terminal {
	out := t.Exec(id, opts, "tty")
	t.Equal("the error", out.Err, nil)
	var a answer.Terminal
	if err := json.Unmarshal([]byte(strings.TrimSpace(out.Stdout)), &a); err != nil {
		t.Fatalf("the probe's answer\n  got:   %s\n  want:  JSON: %v", show(out.Stdout), err)
	}
	return a
}
